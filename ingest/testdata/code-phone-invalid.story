region DE
drop people.csv
-- people.csv --
user_id,phone
u-1,0170 1234567
u-2,+1 (650) 253-0000
u-3,12
u-4,+49 30 12345678901234567
u-5,call me
u-6,+49 30 123456 ext. 7
u-7,0049 170 7654321
-- want --
people.csv: archived, csv, utf-8, ","
7 rows, 3 published, 4 refused, 0 blank
E_PHONE_INVALID line 4 phone: the number is too long or too short for its country
E_PHONE_INVALID line 5 phone: this is no phone number
E_PHONE_INVALID line 6 phone: this is no phone number
E_PHONE_INVALID line 7 phone: the number has an extension, and text messages cannot be sent to extensions; write the number alone
user u-1|||+491701234567|
user u-2|||+16502530000|
user u-7|||+491707654321|
back: user_id,phone,_row,_line,_code,_field,_reason,_escaped
back: u-3,12,3,4,E_PHONE_INVALID,phone,the number is too long or too short for its country,
back: u-4,'+49 30 12345678901234567,4,5,E_PHONE_INVALID,phone,this is no phone number,1
back: u-5,call me,5,6,E_PHONE_INVALID,phone,this is no phone number,
back: u-6,'+49 30 123456 ext. 7,6,7,E_PHONE_INVALID,phone,"the number has an extension, and text messages cannot be sent to extensions; write the number alone",1
Mend the rows in refused/code-phone-invalid/IMPORT-people.csv.refused.csv and drop that file.
