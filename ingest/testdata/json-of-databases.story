# Values as databases write them, and numbers as programs do.
region US
drop mongo.json
drop dynamo.json
drop numbers.json
-- mongo.json --
{"_id":{"$oid":"5f1a2b3c4d5e6f7a8b9c0d1e"},"team":{"$numberLong":"17"},"email":"ann@example.org","phone":{"$numberLong":"4155550121"},"since":{"$date":"2026-11-28T10:05:00Z"}}
-- dynamo.json --
{"Item":{"user_id":{"N":"1002"},"email":{"S":"bob@example.org"},"vip":{"BOOL":true}}}
-- numbers.json --
[{"user_id":1003.0,"phone":"+4915112345673"},{"user_id":1.0000004E7,"email":"dee@example.org","height":1.75}]
-- want --
mongo.json: archived, jsonl, utf-8
1 rows, 1 published, 0 refused, 0 blank
user 5f1a2b3c4d5e6f7a8b9c0d1e||ann@example.org|+14155550121||since=2026-11-28T10:05:00Z|team=17
Nothing to do.
dynamo.json: archived, jsonl, utf-8
1 rows, 1 published, 0 refused, 0 blank
user 1002||bob@example.org|||vip=true
Nothing to do.
numbers.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user 1003|||+4915112345673|
user 10000004||dee@example.org|||height=1.75
Nothing to do.
