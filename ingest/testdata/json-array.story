drop people.json
drop line.json
drop empty.json
-- people.json --
[
  {
    "email": "a@example.org",
    "address": {"city": "Bern", "note": "a } and a ]"}
  },
  17, "x,]", [{"email": "in@example.org"}],
  {"email": "b@example.org", "name": "B \"b\" \u00fc"}
]
-- line.json --
[{"email":"c@example.org"},{"email":"d@example.org"}]
-- empty.json --
[]
-- want --
people.json: archived, json, utf-8
5 rows, 2 published, 3 refused, 0 blank
E_JSON line 6 : this is not one JSON object
E_JSON line 6 : this is not one JSON object
E_JSON line 6 : this is not one JSON object
user (derived)||a@example.org|||address={"city": "Bern", "note": "a } and a ]"}
user (derived)|B "b" ü|b@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: 17,2,6,E_JSON,,this is not one JSON object,
back: """x,]""",3,6,E_JSON,,this is not one JSON object,
back: "[{""email"": ""in@example.org""}]",4,6,E_JSON,,this is not one JSON object,
Mend the rows in refused/json-array/IMPORT-people.json.refused.csv and drop that file.
line.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)||c@example.org||
user (derived)||d@example.org||
Nothing to do.
empty.json: refused, json, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the file has a header and no rows
Drop the file again with its rows.
