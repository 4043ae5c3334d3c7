# A file with another name elsewhere could still be changed under that name.
drop people.csv hard-linked
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_LINK this file has another name elsewhere (a hard link), under which it could still be changed; drop a copy
Drop a copy of the file.
