# Whole numbers that a program wrote as floating-point ones.
region US
drop people.csv
drop java.csv
drop limit.csv
drop numbers.jsonl
-- people.csv --
user_id,email,phone
1001.0,a@example.org,2125550123.0
1002,b@example.org,+12125550124.0
1e+05,c@example.org,4.917e+11
100001,d@example.org,2125550125.5
-- java.csv --
user_id,email,phone
1.0000001E7,e@example.org,4.15555012E9
10000002,f@example.org,4.1555501234567E9
-- limit.csv --
email,phone
g@example.org,2147483647
j@example.org,12147483647
h@example.org,2147483647
i@example.org,+12125550123
-- numbers.jsonl --
{"user_id":1003.0,"email":"k@example.org","phone":2125550129.0}
{"user_id":1.004E3,"email":"l@example.org","phone":2.12555013E9}
{"user_id":1005,"email":"m@example.org","phone":12125550131}
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 2 published, 2 refused, 0 blank
warning: W_NUMBER 4 line 2: numbers that a program had written with decimals or an exponent were read as the whole numbers they are
E_EXCEL_SCIENTIFIC line 4 phone: a spreadsheet has rounded this number; format the column as text and export again
E_PHONE_INVALID line 5 phone: this is a number with decimals, and no phone number; format the column as text and export again
user 1001||a@example.org|+12125550123|
user 1002||b@example.org|+12125550124|
back: user_id,email,phone,_row,_line,_code,_field,_reason,_escaped
back: 1e+05,c@example.org,4.917e+11,3,4,E_EXCEL_SCIENTIFIC,phone,a spreadsheet has rounded this number; format the column as text and export again,
back: 100001,d@example.org,2125550125.5,4,5,E_PHONE_INVALID,phone,"this is a number with decimals, and no phone number; format the column as text and export again",
Mend the rows in refused/value-floats/IMPORT-people.csv.refused.csv and drop that file.
java.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
warning: W_NUMBER 2 line 2: numbers that a program had written with decimals or an exponent were read as the whole numbers they are
E_PHONE_INVALID line 3 phone: this is a number with decimals, and no phone number; format the column as text and export again
user 10000001||e@example.org|+14155550120|
back: user_id,email,phone,_row,_line,_code,_field,_reason,_escaped
back: 10000002,f@example.org,4.1555501234567E9,2,3,E_PHONE_INVALID,phone,"this is a number with decimals, and no phone number; format the column as text and export again",
Mend the rows in refused/value-floats/IMPORT-java.csv.refused.csv and drop that file.
limit.csv: archived, csv, utf-8, ","
4 rows, 2 published, 2 refused, 0 blank
E_NUMBER_LIMIT line 2 phone: this is the largest number that a program could store, and stands in several rows; export the list again with this column as text
E_NUMBER_LIMIT line 4 phone: this is the largest number that a program could store, and stands in several rows; export the list again with this column as text
user (derived)||j@example.org|+12147483647|
user (derived)||i@example.org|+12125550123|
back: email,phone,_row,_line,_code,_field,_reason,_escaped
back: g@example.org,2147483647,1,2,E_NUMBER_LIMIT,phone,"this is the largest number that a program could store, and stands in several rows; export the list again with this column as text",
back: h@example.org,2147483647,3,4,E_NUMBER_LIMIT,phone,"this is the largest number that a program could store, and stands in several rows; export the list again with this column as text",
Mend the rows in refused/value-floats/IMPORT-limit.csv.refused.csv and drop that file.
numbers.jsonl: archived, jsonl, utf-8
3 rows, 3 published, 0 refused, 0 blank
user 1003||k@example.org|+12125550129|
user 1004||l@example.org|+12125550130|
user 1005||m@example.org|+12125550131|
Nothing to do.
