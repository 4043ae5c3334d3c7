# A copy that broke off.
gzip people.csv
cut people.csv 6
drop people.csv
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the packed file is damaged or was cut off; copy it again
Mend the file and drop it again.
