gzip people.csv
drop people.csv
-- people.csv --
email,name
a@example.org,A
-- want --
people.csv: archived, csv+gzip, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|A|a@example.org||
Nothing to do.
