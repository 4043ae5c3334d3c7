# Excel, "CSV UTF-8": a byte order mark before the first column.
bom people.csv
crlf people.csv
drop people.csv
-- people.csv --
Email Address,Display Name
zoe@example.org,Zoë
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Zoë|zoe@example.org||
Nothing to do.
