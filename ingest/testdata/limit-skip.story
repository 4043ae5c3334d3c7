# Rows that the inbox leaves out are counted and never published.
skip Status=Suspended|Deactivated
drop people.csv
drop people.jsonl
-- people.csv --
email,status
ann@example.org,Active
bob@example.org,suspended
bob@example.org,Active
nobody,Deactivated
-- people.jsonl --
{"email":"cec@example.org","Status":"Suspended"}
{"email":"dan@example.org","Status":"Active"}
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 2 published, 0 refused, 0 blank, 2 skipped
user (derived)||ann@example.org|||status=Active
user (derived)||bob@example.org|||status=Active
Nothing to do.
people.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 0 refused, 0 blank, 1 skipped
user (derived)||dan@example.org|||Status=Active
Nothing to do.
