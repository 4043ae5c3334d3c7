# The parts of a name are kept as the list has them, beside a whole name too, and are judged as a name is.
drop people.csv
drop people.jsonl
-- people.csv --
email,display name,first name,last name
a@example.org,Dr. A. Lee,Ann,Lee
b@example.org,Bob Poe,,
c@example.org,,Cem,
d@example.org,,,de la Cruz
e@example.org,Eve Ng,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,Ng
f@example.org,Fay Ng,Fay,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
g@example.org,Gil Ng,#REF!,Ng
h@example.org,Hal Ng,Hal,[object Object]
i@example.org,"Ida
Ng","Ida
Eve",O'Ng
j@example.org,Jo Ng,"=""Jo""",<b>Ng</b>
-- people.jsonl --
{"email":"k@example.org","displayName":"Kim A. Ng","givenName":"Kim","surname":"Ng"}
{"email":"l@example.org","name":{"givenName":"Al","familyName":"Lee"}}
{"email":"m@example.org","name":{"formatted":"Dr. M. Lee","givenName":"Mo","familyName":"Lee"}}
{"email":"n@example.org","name":[{"text":"Nia Poe","given":["Nia"],"family":"Poe"}]}
{"email":"o@example.org","name":{"formatted":"Oz Ng"}}
{"email":"p@example.org","name":{"first":"Pat","last":"Ng"},"last_name":"Ng-Lee"}
{"email":"q@example.org","name":{"first":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","last":"Ng","full":"Q. Ng"}}
-- want --
people.csv: archived, csv, utf-8, ","
10 rows, 6 published, 4 refused, 0 blank
warning: W_UNWRAPPED 1 line 13: what a program wrote around the first_name was taken off
warning: W_UNWRAPPED 1 line 13: what a program wrote around the last_name was taken off
E_TOO_LONG line 6 first_name: the name has 201 characters, at most 200 are allowed
E_TOO_LONG line 7 last_name: the name has 201 characters, at most 200 are allowed
E_EXCEL_ERROR line 8 first_name: a formula of the spreadsheet failed here (#REF!); mend the formula or the value
E_VALUE line 9 last_name: this is what a program wrote, and no name; write the name, or leave the cell empty
user (derived)|Dr. A. Lee (given Ann, family Lee)|a@example.org||
user (derived)|Bob Poe|b@example.org||
user (derived)|Cem (given Cem, family )|c@example.org||
user (derived)|de la Cruz (given , family de la Cruz)|d@example.org||
user (derived)|Ida\nNg (given Ida\nEve, family O'Ng)|i@example.org||
user (derived)|Jo Ng (given Jo, family Ng)|j@example.org||
back: email,display name,first name,last name,_row,_line,_code,_field,_reason,_escaped
back: e@example.org,Eve Ng,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,Ng,5,6,E_TOO_LONG,first_name,"the name has 201 characters, at most 200 are allowed",
back: f@example.org,Fay Ng,Fay,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,6,7,E_TOO_LONG,last_name,"the name has 201 characters, at most 200 are allowed",
back: g@example.org,Gil Ng,#REF!,Ng,7,8,E_EXCEL_ERROR,first_name,a formula of the spreadsheet failed here (#REF!); mend the formula or the value,
back: h@example.org,Hal Ng,Hal,[object Object],8,9,E_VALUE,last_name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
Mend the rows in refused/name-parts/IMPORT-people.csv.refused.csv and drop that file.
people.jsonl: archived, jsonl, utf-8
7 rows, 6 published, 1 refused, 0 blank
warning: W_UNWRAPPED 6 line 2: what a program wrote around the name was taken off
E_TOO_LONG line 7 first_name: the name has 201 characters, at most 200 are allowed
user (derived)|Kim A. Ng (given Kim, family Ng)|k@example.org||
user (derived)|Al Lee (given Al, family Lee)|l@example.org||
user (derived)|Dr. M. Lee (given Mo, family Lee)|m@example.org||
user (derived)|Nia Poe (given Nia, family Poe)|n@example.org||
user (derived)|Oz Ng|o@example.org||
user (derived)|Pat Ng (given Pat, family Ng-Lee)|p@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""email"":""q@example.org"",""name"":{""first"":""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"",""last"":""Ng"",""full"":""Q. Ng""}}",7,7,E_TOO_LONG,first_name,"the name has 201 characters, at most 200 are allowed",
Mend the rows in refused/name-parts/IMPORT-people.jsonl.refused.csv and drop that file.
