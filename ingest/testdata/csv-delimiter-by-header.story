# More commas than semicolons, but only one of them divides names that usher knows.
drop people.csv
-- people.csv --
email;name;notes, remarks, and so on
a@example.org;Miller, A;x, y, z
-- want --
people.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Miller, A|a@example.org|||notes, remarks, and so on=x, y, z
Nothing to do.
