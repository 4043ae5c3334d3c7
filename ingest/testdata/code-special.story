# What is no file of its own is not read: a link may lead anywhere, a pipe would
# never end.
drop people.csv linked
drop pipe.csv as-pipe
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_SPECIAL this is a link, a pipe or a device; drop a copy of the file itself
Drop a copy of the file itself.
pipe.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_SPECIAL this is a link, a pipe or a device; drop a copy of the file itself
Drop a copy of the file itself.
