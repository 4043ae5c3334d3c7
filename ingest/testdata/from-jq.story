# jq in each of its ways to print.
run jq . all.json > array.json
run jq .[0:2][] all.json > stream.json
run jq -c .[2:4][] all.json > lines.jsonl
run jq -r '["email","name"],(.[4:6][]|[.email,.name])|@csv' all.json > comma.csv
run jq -r '["email","name"],(.[6:8][]|[.email,.name])|@tsv' all.json > tab.tsv
drop array.json
drop stream.json
drop lines.jsonl
drop comma.csv
drop tab.tsv
-- all.json --
[{"email":"a@example.org","name":"A"},{"email":"b@example.org","name":"B"},{"email":"c@example.org","name":"C, \"c\""},{"email":"d@example.org","name":"D"},
{"email":"e@example.org","name":"E, \"e\""},{"email":"f@example.org","name":null},{"email":"g@example.org","name":"Zoë"},{"email":"h@example.org","name":"H"}]
-- want --
array.json: archived, json, utf-8
8 rows, 8 published, 0 refused, 0 blank
user (derived)|A|a@example.org||
user (derived)|B|b@example.org||
user (derived)|C, "c"|c@example.org||
user (derived)|D|d@example.org||
user (derived)|E, "e"|e@example.org||
user (derived)||f@example.org||
user (derived)|Zoë|g@example.org||
user (derived)|H|h@example.org||
Nothing to do.
stream.json: archived, json-stream, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)|A|a@example.org||
user (derived)|B|b@example.org||
Nothing to do.
lines.jsonl: archived, jsonl, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)|C, "c"|c@example.org||
user (derived)|D|d@example.org||
Nothing to do.
comma.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)|E, "e"|e@example.org||
user (derived)||f@example.org||
Nothing to do.
tab.tsv: archived, csv, utf-8, "\t"
2 rows, 2 published, 0 refused, 0 blank
user (derived)|Zoë|g@example.org||
user (derived)|H|h@example.org||
Nothing to do.
