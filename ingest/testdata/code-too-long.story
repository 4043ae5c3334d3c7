replace people.csv LONG xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
drop people.csv
replace wide.csv Q ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
drop wide.csv
replace long.jsonl Q WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
replace long.jsonl W xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
drop long.jsonl
replace sheet.csv Q ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
xlsx wide.xlsx Users=sheet.csv
drop wide.xlsx
-- people.csv --
user_id,name,email,phone,note
u-1,LONG,a@example.org,,
u-2,B,LONG@example.org,,
u-3,C,c@example.org,LONG,
u-4,D,d@example.org,,LONGLONGLONGLONGLONG
u-5,E,e@example.org,,LONG
-- wide.csv --
email,a1,a2,a3,a4,a5,a6,a7,a8,a9,a10,a11,a12,a13,a14,a15,a16,a17,a18,a19,a20,a21,a22,a23,a24,a25,a26,a27,a28,a29,a30,a31,a32,a33,a34,a35,a36,a37,a38,a39,a40,a41,a42,a43,a44,a45,a46,a47,a48,a49,a50,a51
f@example.org,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x
g@example.org,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,
h@example.orgQQQQQQQQQQ
-- long.jsonl --
{"email":"i@example.org","note":"QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"}
{"email":"j@example.org"}
-- sheet.csv --
email,name
k@example.org,KQQQQQQQQQQx
l@example.org,L
-- want --
people.csv: archived, csv, utf-8, ","
5 rows, 2 published, 3 refused, 0 blank
warning: W_ATTRIBUTES 1 line 5: a value of another column has more than 1000 characters; the first 1000 were kept
E_TOO_LONG line 2 name: the name has 206 characters, at most 200 are allowed
E_EMAIL_SYNTAX line 3 email: the part before the @ has 206 bytes, at most 64 are allowed
E_PHONE_INVALID line 4 phone: the number has more than 32 characters
user u-4|D|d@example.org|||note=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
user u-5|E|e@example.org|||note=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
back: user_id,name,email,phone,note,_row,_line,_code,_field,_reason,_escaped
back: u-1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,a@example.org,,,1,2,E_TOO_LONG,name,"the name has 206 characters, at most 200 are allowed",
back: u-2,B,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@example.org,,,2,3,E_EMAIL_SYNTAX,email,"the part before the @ has 206 bytes, at most 64 are allowed",
back: u-3,C,c@example.org,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,,3,4,E_PHONE_INVALID,phone,the number has more than 32 characters,
Mend the rows in refused/code-too-long/IMPORT-people.csv.refused.csv and drop that file.
wide.csv: archived, csv, utf-8, ","
3 rows, 2 published, 1 refused, 0 blank
warning: W_ATTRIBUTES 1 line 2: a row has more than 50 other columns; the first 50 were kept
E_TOO_LONG line 4 : the line has more than 512 columns
user (derived)||f@example.org|||a1=x|a10=x|a11=x|a12=x|a13=x|a14=x|a15=x|a16=x|a17=x|a18=x|a19=x|a2=x|a20=x|a21=x|a22=x|a23=x|a24=x|a25=x|a26=x|a27=x|a28=x|a29=x|a3=x|a30=x|a31=x|a32=x|a33=x|a34=x|a35=x|a36=x|a37=x|a38=x|a39=x|a4=x|a40=x|a41=x|a42=x|a43=x|a44=x|a45=x|a46=x|a47=x|a48=x|a49=x|a5=x|a50=x|a6=x|a7=x|a8=x|a9=x
user (derived)||g@example.org|||a1=x|a10=x|a11=x|a12=x|a13=x|a14=x|a15=x|a16=x|a17=x|a18=x|a19=x|a2=x|a20=x|a21=x|a22=x|a23=x|a24=x|a25=x|a26=x|a27=x|a28=x|a29=x|a3=x|a30=x|a31=x|a32=x|a33=x|a34=x|a35=x|a36=x|a37=x|a38=x|a39=x|a4=x|a40=x|a41=x|a42=x|a43=x|a44=x|a45=x|a46=x|a47=x|a48=x|a49=x|a5=x|a50=x|a6=x|a7=x|a8=x|a9=x
back: email,a1,a2,a3,a4,a5,a6,a7,a8,a9,a10,a11,a12,a13,a14,a15,a16,a17,a18,a19,a20,a21,a22,a23,a24,a25,a26,a27,a28,a29,a30,a31,a32,a33,a34,a35,a36,a37,a38,a39,a40,a41,a42,a43,a44,a45,a46,a47,a48,a49,a50,a51,_row,_line,_code,_field,_reason,_escaped
back: "h@example.org,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,3,4,E_TOO_LONG,,the line has more than 512 columns,
Mend the rows in refused/code-too-long/IMPORT-wide.csv.refused.csv and drop that file.
long.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 1 refused, 0 blank
E_TOO_LONG line 1 : the object is too long
user (derived)||j@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""email"":""i@example.org"",""note"":""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",1,1,E_TOO_LONG,,the object is too long,
Mend the rows in refused/code-too-long/IMPORT-long.jsonl.refused.csv and drop that file.
wide.xlsx: archived, xlsx, utf-8
2 rows, 1 published, 1 refused, 0 blank
E_TOO_LONG line 2 : the line has more than 512 columns
user (derived)|L|l@example.org||
back: email,name,_row,_line,_code,_field,_reason,_escaped
back: k@example.org,,1,2,E_TOO_LONG,,the line has more than 512 columns,
Mend the rows in refused/code-too-long/IMPORT-wide.xlsx.refused.csv and drop that file.
