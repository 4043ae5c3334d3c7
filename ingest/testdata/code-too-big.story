# A small file that would fill a disk.
append-lines people.csv 900000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
zstd people.csv
drop people.csv
-- people.csv --
email
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_TOO_BIG the file unpacks to more than 200 times its size; drop it unpacked if it is a list of users
Mend the file and drop it again.
