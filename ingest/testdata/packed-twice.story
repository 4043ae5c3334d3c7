gzip people.csv
gzip people.csv
drop people.csv
zip rows.zip rows.csv
gzip rows.zip
drop rows.zip
-- people.csv --
email
a@example.org
-- rows.csv --
email
b@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT the file is packed twice; unpack it and drop what is inside
Mend the file and drop it again.
rows.zip: refused, xlsx+gzip, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT the file inside is neither a list of users nor an Excel file; drop it unpacked
Mend the file and drop it again.
