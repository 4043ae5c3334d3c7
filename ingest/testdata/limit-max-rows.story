max-rows 2
drop three.csv
drop two.csv
-- three.csv --
email
a@example.org
b@example.org
c@example.org
-- two.csv --
email
a@example.org
b@example.org
-- want --
three.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_TOO_MANY_ROWS the file has more than 2 rows, which is the most that this inbox takes; split it, or have the limit raised
Mend the file and drop it again.
two.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)||a@example.org||
user (derived)||b@example.org||
Nothing to do.
