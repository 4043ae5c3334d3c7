# Excel's own first line about the delimiter, here one that the header alone
# would not give away.
drop people.csv
-- people.csv --
sep=^
email^name
zoe@example.org^Zoë, A; B
-- want --
people.csv: archived, csv, utf-8, "^"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Zoë, A; B|zoe@example.org||
Nothing to do.
