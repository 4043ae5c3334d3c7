# A file that its owner let nobody read.
drop people.csv unreadable
drop people.csv
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_UNREADABLE usher may not read this file; change its permissions and drop it again
Change the permissions of the file and drop it again.
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org||
Nothing to do.
