zip people.zip a.csv b.csv
drop people.zip
-- a.csv --
email
a@example.org
-- b.csv --
email
b@example.org
-- want --
people.zip: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT the ZIP file has 2 files in it; drop each by itself
Mend the file and drop it again.
