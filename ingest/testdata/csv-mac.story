# An old program on a Mac: CR alone ends a line.
cr people.csv
drop people.csv
-- people.csv --
email,name
a@example.org,A
b@example.org,"B
C"
c@example.org,C
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 3 published, 0 refused, 0 blank
user (derived)|A|a@example.org||
user (derived)|B\nC|b@example.org||
user (derived)|C|c@example.org||
Nothing to do.
