zip people.zip a.csv b.csv
drop people.zip
zip none.zip __MACOSX/ .DS_Store
drop none.zip
zip people.ods mimetype content.xml
drop people.ods
-- a.csv --
email
a@example.org
-- b.csv --
email
b@example.org
-- .DS_Store --
x
-- mimetype --
application/vnd.oasis.opendocument.spreadsheet
-- content.xml --
<office:document-content/>
-- want --
people.zip: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT the ZIP file has 2 files in it; drop each by itself
Mend the file and drop it again.
none.zip: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the ZIP file has no file in it; drop it again with the list of users
Mend the file and drop it again.
people.ods: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a document of LibreOffice; save it as CSV or Excel (.xlsx) and drop that
Mend the file and drop it again.
