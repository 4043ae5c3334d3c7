# A parent's address does not become the student's own when the row comes back mended.
columns
drop people.jsonl
mend mended.csv "bob@" "bob@example.org"
drop mended.csv
-- people.jsonl --
{"first_name":"Ann","last_name":"Lee","contact_name":"May Lee","contact_email":"may@example.org","student_email":"ann@example.org"}
{"first_name":"Bob","last_name":"Poe","contact_name":"Max Poe","contact_email":"max@example.org","student_email":"bob@"}
-- want --
people.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 1 refused, 0 blank
column first_name: first_name
column last_name: last_name
column contact_name: attribute
column contact_email: attribute
column student_email: email
E_EMAIL_SYNTAX line 2 email: the part after the @ is no domain name
user (derived)|Ann Lee (given Ann, family Lee)|ann@example.org|||contact_email=may@example.org|contact_name=May Lee
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""first_name"":""Bob"",""last_name"":""Poe"",""contact_name"":""Max Poe"",""contact_email"":""max@example.org"",""student_email"":""bob@""}",2,2,E_EMAIL_SYNTAX,email,the part after the @ is no domain name,
Mend the rows in refused/refused-objects-of-others/IMPORT-people.jsonl.refused.csv and drop that file.
mended.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column first_name: first_name
column last_name: last_name
column contact_name: attribute
column contact_email: attribute
column student_email: email
user (derived)|Bob Poe (given Bob, family Poe)|bob@example.org|||contact_email=max@example.org|contact_name=Max Poe
Nothing to do.
