# Two unread columns may have one title; of two that mean the same the first counts.
drop people.csv
-- people.csv --
email,note,E-Mail,note
ann@example.org,x,ann@example.net,y
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_COLUMN 1 line 0: the columns "email" and "E-Mail" may both mean email; the first of them was taken
user (derived)||ann@example.org|||E-Mail=ann@example.net|note=x|note (2)=y
Nothing to do.
