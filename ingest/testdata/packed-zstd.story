zstd people.jsonl
drop people.jsonl
-- people.jsonl --
{"email":"a@example.org"}
-- want --
people.jsonl: archived, jsonl+zstd, utf-8
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org||
Nothing to do.
