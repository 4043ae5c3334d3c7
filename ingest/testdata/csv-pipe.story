# A mainframe's export.
drop people.csv
-- people.csv --
USER_ID|NAME|EMAIL
u-1|A, B; C|a@example.org
-- want --
people.csv: archived, csv, utf-8, "|"
1 rows, 1 published, 0 refused, 0 blank
user u-1|A, B; C|a@example.org||
Nothing to do.
