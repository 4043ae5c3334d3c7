# An Excel file in gzip.
xlsx people.xlsx Sheet1=people.csv
gzip people.xlsx
drop people.xlsx
-- people.csv --
email,name
a@example.org,A
-- want --
people.xlsx: archived, xlsx+gzip, utf-8
1 rows, 1 published, 0 refused, 0 blank
user (derived)|A|a@example.org||
Nothing to do.
