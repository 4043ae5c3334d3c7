complete trailer
trailer-name *_%d.csv
drop list_2.csv
drop list_3.csv
drop list.csv
-- list_2.csv --
email
a@example.org
b@example.org
-- list_3.csv --
email
c@example.org
d@example.org
-- list.csv --
email
e@example.org
-- want --
list_2.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)||a@example.org||
user (derived)||b@example.org||
Nothing to do.
list_3.csv: refused, csv, utf-8, ","
2 rows, 0 published, 0 refused, 0 blank
E_TRAILER the name of the file says 3 rows, and it has 2; have it sent again
Have the file sent again; nothing of it was published.
list.csv: refused, csv, utf-8, ","
1 rows, 0 published, 0 refused, 0 blank
E_TRAILER the file name lacks the row count that this inbox requires; have it sent under a name with the count
Have the file sent again; nothing of it was published.
