drop people.jsonl
-- people.jsonl --
{"email":"a@example.org","x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}
{"email":"b@example.org","x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}
-- want --
people.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 1 refused, 0 blank
E_JSON line 1 : it is nested more than 64 deep
user (derived)||b@example.org|||x=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""email"":""a@example.org"",""x"":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",1,1,E_JSON,,it is nested more than 64 deep,
Mend the rows in refused/code-json-deep/IMPORT-people.jsonl.refused.csv and drop that file.
