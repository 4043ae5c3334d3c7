# Usher fails on a file in a way that nobody foresaw. After three tries it leaves
# the file alone; the next one is none the worse.
drop people.csv deadly
drop next.csv
-- people.csv --
email
a@example.org
-- next.csv --
email
b@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_POISON usher failed on this file 3 times and leaves it alone; report it, and drop the file in another form
Report this, with the file if you may; to try it once more, use usher redrop.
next.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||b@example.org||
Nothing to do.
