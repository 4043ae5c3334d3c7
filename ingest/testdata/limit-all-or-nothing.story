all-or-nothing
drop people.csv
drop mended.csv
-- people.csv --
email
a@example.org
nobody
-- mended.csv --
email
a@example.org
b@example.org
-- want --
people.csv: refused, csv, utf-8, ","
2 rows, 0 published, 1 refused, 0 blank
E_TOO_MANY_REFUSED 1 of 2 rows cannot be used, and this inbox takes a file whole or not at all
E_EMAIL_SYNTAX line 3 email: there is no @ in the address
Mend the rows named here and drop the file again; nothing of it was published.
mended.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)||a@example.org||
user (derived)||b@example.org||
Nothing to do.
