# Packed with a password, in a way that only some programs know, and with so large a
# window that to unpack it would take the memory of a server.
base64 secret.zip
drop secret.zip
base64 lzma.zip
drop lzma.zip
base64 long.zst
drop long.zst
-- secret.zip --
UEsDBBQAAQAAAABIeF3IlstHFAAAABQAAAAJAAAAdXNlcnMuY3N2ZW1haWwKYUBleGFtcGxlLm9yZwpQSwECFAMUAAEAAAAASHhdyJbLRxQAAAAUAAAACQAA
AAAAAAAAAAAAgAEAAAAAdXNlcnMuY3N2UEsFBgAAAAABAAEANwAAADsAAAAAAA==
-- lzma.zip --
UEsDBD8AAgAOAABIeF3IlstHKAAAABQAAAAJAAAAdXNlcnMuY3N2CQQFAF0AAIAAADKbSEeCkIzGTrD0/DgcqSlmnXtuJ7ioAif/9HhAAFBLAQI/Az8AAgAO
AABIeF3IlstHKAAAABQAAAAJAAAAAAAAAAAAAACAAQAAAAB1c2Vycy5jc3ZQSwUGAAAAAAEAAQA3AAAATwAAAAAA
-- long.zst --
KLUv/QCIoQAAZW1haWwKYUBleGFtcGxlLm9yZwo=
-- want --
secret.zip: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT the ZIP file has a password; drop the file without one
Mend the file and drop it again.
lzma.zip: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the ZIP file is packed in a way that usher does not know; pack it with Deflate, or drop the file itself
Mend the file and drop it again.
long.zst: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the file needs more than 32 MB of memory to be unpacked; pack it with the usual settings of zstd
Mend the file and drop it again.
