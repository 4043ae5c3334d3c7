# What jq prints when it is not told to be compact. An object that is broken ends
# where the next one begins.
drop people.json
-- people.json --
{
  "email": "a@example.org",
  "nested": {
    "x": 1
  }
}
{
  "email": "b@example.org",
{
  "email": "c@example.org"
}
{
  "email": "d@example.org"
}
-- want --
people.json: archived, json-stream, utf-8
4 rows, 3 published, 1 refused, 0 blank
E_JSON line 7 : this is not one JSON object
user (derived)||a@example.org|||nested={
    "x": 1
  }
user (derived)||c@example.org||
user (derived)||d@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{
back:   ""email"": ""b@example.org"",",2,7,E_JSON,,this is not one JSON object,
Mend the rows in refused/json-over-lines/IMPORT-people.json.refused.csv and drop that file.
