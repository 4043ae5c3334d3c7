# The same person under other data; a family shares a telephone.
drop people.csv
-- people.csv --
user_id,email,phone
u-1,a@example.org,
u-1,b@example.org,
u-2,A@Example.org,
u-3,,+49 30 123456
u-4,,+4930123456
,,+49 30 123456
,,+4930-123456
,d@example.org,
,D@example.org,
-- want --
people.csv: archived, csv, utf-8, ","
9 rows, 5 published, 4 refused, 0 blank
E_DUP_IN_FILE line 3 user_id: the same user_id is in record 1
E_DUP_IN_FILE line 4 email: the same email is in record 1
E_DUP_IN_FILE line 8 phone: the same phone is in record 6
E_DUP_IN_FILE line 10 email: the same email is in record 8
user u-1||a@example.org||
user u-3|||+4930123456|
user u-4|||+4930123456|
user (derived)|||+4930123456|
user (derived)||d@example.org||
back: user_id,email,phone,_row,_line,_code,_field,_reason,_escaped
back: u-1,b@example.org,,2,3,E_DUP_IN_FILE,user_id,the same user_id is in record 1,
back: u-2,A@Example.org,,3,4,E_DUP_IN_FILE,email,the same email is in record 1,
back: ,,'+4930-123456,7,8,E_DUP_IN_FILE,phone,the same phone is in record 6,2
back: ,D@example.org,,9,10,E_DUP_IN_FILE,email,the same email is in record 8,
Mend the rows in refused/code-dup-in-file/IMPORT-people.csv.refused.csv and drop that file.
