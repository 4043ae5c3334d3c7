# UTF-16 without a byte order mark, as some databases export it.
utf-16le le.csv
utf-16be be.csv
drop le.csv
drop be.csv
-- le.csv --
email,name
le@example.org,Zoë
-- be.csv --
email,name
be@example.org,Zoë
-- want --
le.csv: archived, csv, utf-16le, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Zoë|le@example.org||
Nothing to do.
be.csv: archived, csv, utf-16be, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Zoë|be@example.org||
Nothing to do.
