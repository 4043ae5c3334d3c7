drop people.csv
-- people.csv --
user_id,name,email,phone
u-1,A,,
u-2,B,b@example.org,
u-3,C,,+4930123456
c@example.org,D,,
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 3 published, 1 refused, 0 blank
E_REQUIRED line 2 email: an e-mail address or a phone number is needed
user u-2|B|b@example.org||
user u-3|C||+4930123456|
user (derived)|D|c@example.org||
back: user_id,name,email,phone,_row,_line,_code,_field,_reason,_escaped
back: u-1,A,,,1,2,E_REQUIRED,email,an e-mail address or a phone number is needed,
Mend the rows in refused/code-required/IMPORT-people.csv.refused.csv and drop that file.
