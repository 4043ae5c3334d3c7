# Blank lines, CRLF, a byte order mark.
bom people.jsonl
crlf people.jsonl
drop people.jsonl
-- people.jsonl --
{"email":"a@example.org"}

{"email":"b@example.org"}
-- want --
people.jsonl: archived, jsonl, utf-8
2 rows, 2 published, 0 refused, 1 blank
user (derived)||a@example.org||
user (derived)||b@example.org||
Nothing to do.
