# An array that was cut off, or has a hole, is refused whole: nobody can tell
# what else is missing.
cut cut.json 3
drop cut.json
drop comma.json
drop after.json
-- cut.json --
[
  {"email":"a@example.org"},
  {"email":"b@example.org"}
]
-- comma.json --
[{"email":"c@example.org"}
{"email":"d@example.org"}]
-- after.json --
[{"email":"e@example.org"}]
{"email":"f@example.org"} oops
-- want --
cut.json: refused, json, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_JSON_ARRAY line 3: the array is not closed; was the file cut off?
Mend the file and drop it again.
comma.json: refused, json, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_JSON_ARRAY line 2: a comma or the closing bracket is missing
Mend the file and drop it again.
after.json: refused, json, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_JSON_ARRAY line 2: something follows the array
Mend the file and drop it again.
