complete checksum
beside cut.csv .sha256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
drop cut.csv
-- cut.csv --
email
a@example.org
-- want --
cut.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_CHECKSUM the file is not the one whose checksum was sent: it was cut off, or one of them is of another upload
Have the file and its checksum sent again; nothing of it was published.
