# A column without a name keeps its values.
drop people.csv
-- people.csv --
email,,name
a@example.org,kept,A
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|A|a@example.org|||column 2=kept
Nothing to do.
