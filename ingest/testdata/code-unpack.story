# A copy that broke off.
gzip people.csv
cut people.csv 6
drop people.csv
zip people.zip rows.csv
cut people.zip 30
drop people.zip
-- people.csv --
email
a@example.org
-- rows.csv --
email
b@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the packed file is damaged or was cut off; copy it again
Mend the file and drop it again.
people.zip: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the packed file is damaged or was cut off; copy it again
Mend the file and drop it again.
