drop people.jsonl
mend mended.csv "{""""email"""":""""b@example.org""""" "{""""email"""":""""b@example.org""""}" nobody,oops c@example.org
drop mended.csv
-- people.jsonl --
{"email":"a@example.org","Full Name":"A","age":30,"tags":["x","y"],"vip":true,"note":null}
{"email":"b@example.org"
["email","c@example.org"]
{"email":"d@example.org"} {"email":"e@example.org"}
{"email":"f@example.org","email":"g@example.org"}
{"email":"h@example.org","mail":"i@example.org"}
{"user_id":1001,"email":"j@example.org"}
{"email":"bad\ud800@example.org"}
-- want --
people.jsonl: archived, jsonl, utf-8
8 rows, 3 published, 5 refused, 0 blank
warning: W_COLUMN 1 line 0: the columns "email" and "mail" may both mean email; the first of them was taken
E_JSON line 2 : this is not one JSON object
E_JSON line 3 : this is not one JSON object
E_JSON line 4 : this is not one JSON object
E_JSON line 5 : a key stands twice in the object
E_ENCODING line 8 email: the value has characters that cannot be read
user (derived)|A|a@example.org|||age=30|tags=["x","y"]|vip=true
user (derived)||h@example.org|||mail=i@example.org
user 1001||j@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""email"":""b@example.org""",2,2,E_JSON,,this is not one JSON object,
back: "[""email"",""c@example.org""]",3,3,E_JSON,,this is not one JSON object,
back: "{""email"":""d@example.org""} {""email"":""e@example.org""}",4,4,E_JSON,,this is not one JSON object,
back: "{""email"":""f@example.org"",""email"":""g@example.org""}",5,5,E_JSON,,a key stands twice in the object,
back: "{""email"":""bad\ud800@example.org""}",8,8,E_ENCODING,email,the value has characters that cannot be read,
Mend the rows in refused/code-json/IMPORT-people.jsonl.refused.csv and drop that file.
mended.csv: archived, csv, utf-8, ","
5 rows, 1 published, 4 refused, 0 blank
E_JSON line 3 : this is not one JSON object
E_JSON line 4 : this is not one JSON object
E_JSON line 5 : a key stands twice in the object
E_ENCODING line 6 email: the value has characters that cannot be read
user (derived)||b@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "[""email"",""c@example.org""]",2,3,E_JSON,,this is not one JSON object,
back: "{""email"":""d@example.org""} {""email"":""e@example.org""}",3,4,E_JSON,,this is not one JSON object,
back: "{""email"":""f@example.org"",""email"":""g@example.org""}",4,5,E_JSON,,a key stands twice in the object,
back: "{""email"":""bad\ud800@example.org""}",5,6,E_ENCODING,email,the value has characters that cannot be read,
Mend the rows in refused/code-json/IMPORT-mended.csv.refused.csv and drop that file.
