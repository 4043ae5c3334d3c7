# The content decides, not the name.
drop people.csv
-- people.csv --
{"email":"a@example.org"}
-- want --
people.csv: archived, jsonl, utf-8
1 rows, 1 published, 0 refused, 0 blank
warning: W_NAME 1 line 0: the name ends in .csv, but the content is jsonl and was read as that
user (derived)||a@example.org||
Nothing to do.
