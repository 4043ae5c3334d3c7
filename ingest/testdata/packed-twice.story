gzip people.csv
gzip people.csv
drop people.csv
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT the file is packed twice; unpack it and drop what is inside
Mend the file and drop it again.
