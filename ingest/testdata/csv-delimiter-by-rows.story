# Under two delimiters the header names one known column; the rows tell.
drop people.csv
-- people.csv --
email;first, middle
a@example.org;Ann, M
b@example.org;Bob
c@example.org;Cid
-- want --
people.csv: archived, csv, utf-8, ";"
3 rows, 3 published, 0 refused, 0 blank
user (derived)||a@example.org|||first, middle=Ann, M
user (derived)||b@example.org|||first, middle=Bob
user (derived)||c@example.org|||first, middle=Cid
Nothing to do.
