# A list of addresses and nothing else has no delimiter at all.
drop people.csv
-- people.csv --
email
a@example.org
b@example.org
-- want --
people.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)||a@example.org||
user (derived)||b@example.org||
Nothing to do.
