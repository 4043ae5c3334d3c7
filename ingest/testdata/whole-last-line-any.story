last-line any
cut a.csv 1
drop a.csv
cut b.csv 13
drop b.csv
cut c.jsonl 8
drop c.jsonl
-- a.csv --
user_id,phone
p-1,+4915112345671
p-2,+4915112345672
-- b.csv --
phone,user_id,name
+4915112345673,p-3,Cora
nothing,p-4,Dora
+4915112345675,p-5,Eve Eversmann
-- c.jsonl --
{"user_id":"p-6","email":"f@example.org"}
{"user_id":"p-7","email":"g@example.org"}
-- want --
a.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
user p-1|||+4915112345671|
user p-2|||+4915112345672|
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that.
b.csv: archived, csv, utf-8, ","
3 rows, 2 published, 1 refused, 0 blank
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 2: its last line, 4, has no line end, and all others have one
E_PHONE_INVALID line 3 phone: the number has no country code; write it like +49 30 123456, or give the inbox a region
user p-3|Cora||+4915112345673|
user p-5|E||+4915112345675|
back: phone,user_id,name,_row,_line,_code,_field,_reason,_escaped
back: nothing,p-4,Dora,2,3,E_PHONE_INVALID,phone,"the number has no country code; write it like +49 30 123456, or give the inbox a region",
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that. The other refused rows are in refused/whole-last-line-any/IMPORT-b.csv.refused.csv: mend them and drop that file.
c.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 1 refused, 0 blank
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last row, on line 2, cannot be read
E_JSON line 2 : this is not one JSON object
user p-6||f@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""user_id"":""p-7"",""email"":""g@exampl",2,2,E_JSON,,this is not one JSON object,
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that.
