# What programs write instead of a name is unwrapped where that is certain.
drop people.csv
drop people.jsonl
-- people.csv --
email,name
a@example.org,[object Object]
b@example.org,"{""richText"":[{""text"":""Ann ""},{""text"":""Lee""}]}"
c@example.org,<html>Ann <b>Lee</b></html>
d@example.org,"[""Jo Doe""]"
e@example.org,????
f@example.org,0
g@example.org,TRUE
h@example.org,"B2&"" jun"""
i@example.org,"=""Jo Doe"""
j@example.org,"{""first"":""Jo"",""last"":""Doe""}"
k@example.org,"Ann ""Annie"" Lee"
l@example.org,"{""x"":1}"
-- people.jsonl --
{"name":{"first":"Jo","last":"Doe"},"emails":[{"value":"x@example.net"},{"value":"jo@example.org","primary":true}],"phone":["+4915112345671"]}
{"name":{"givenName":"Al","familyName":"Lee"},"emails":["al@example.org","al@example.net"],"phone":null}
{"name":["A","B"],"emails":[{"x":1}],"phone":"+4915112345672"}
-- want --
people.csv: archived, csv, utf-8, ","
12 rows, 6 published, 6 refused, 0 blank
warning: W_UNWRAPPED 5 line 3: what a program wrote around the name was taken off
E_VALUE line 2 name: this is what a program wrote, and no name; write the name, or leave the cell empty
E_VALUE line 6 name: this is what a program wrote, and no name; write the name, or leave the cell empty
E_VALUE line 7 name: this is what a program wrote, and no name; write the name, or leave the cell empty
E_VALUE line 8 name: this is what a program wrote, and no name; write the name, or leave the cell empty
E_VALUE line 9 name: this is what a program wrote, and no name; write the name, or leave the cell empty
user (derived)|Ann Lee|b@example.org||
user (derived)|Ann Lee|c@example.org||
user (derived)|Jo Doe|d@example.org||
user (derived)|Jo Doe|i@example.org||
user (derived)|Jo Doe (given Jo, family Doe)|j@example.org||
user (derived)|Ann "Annie" Lee|k@example.org||
back: email,name,_row,_line,_code,_field,_reason,_escaped
back: a@example.org,[object Object],1,2,E_VALUE,name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
back: e@example.org,????,5,6,E_VALUE,name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
back: f@example.org,0,6,7,E_VALUE,name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
back: g@example.org,TRUE,7,8,E_VALUE,name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
back: h@example.org,"B2&"" jun""",8,9,E_VALUE,name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
back: l@example.org,"{""x"":1}",12,13,E_VALUE,name,"a name is expected here: a text, or an object such as {""first"":""Jo"",""last"":""Doe""}",
Mend the rows in refused/value-machine-names/IMPORT-people.csv.refused.csv and drop that file.
people.jsonl: archived, jsonl, utf-8
3 rows, 2 published, 1 refused, 0 blank
warning: W_UNWRAPPED 2 line 1: what a program wrote around the name was taken off
warning: W_UNWRAPPED 2 line 1: what a program wrote around the email was taken off
warning: W_UNWRAPPED 1 line 1: what a program wrote around the phone was taken off
E_VALUE line 3 email: one value is expected here: a text, a list of them, or objects such as {"value":"…","primary":true}
E_VALUE line 3 name: a name is expected here: a text, or an object such as {"first":"Jo","last":"Doe"}
user (derived)|Jo Doe (given Jo, family Doe)|jo@example.org|+4915112345671|
user (derived)|Al Lee (given Al, family Lee)|al@example.org||
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""name"":[""A"",""B""],""emails"":[{""x"":1}],""phone"":""+4915112345672""}",3,3,E_VALUE E_VALUE,email name,"one value is expected here: a text, a list of them, or objects such as {""value"":""…"",""primary"":true}; a name is expected here: a text, or an object such as {""first"":""Jo"",""last"":""Doe""}",
Mend the rows in refused/value-machine-names/IMPORT-people.jsonl.refused.csv and drop that file.
