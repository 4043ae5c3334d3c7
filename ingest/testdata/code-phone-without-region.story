drop people.csv
-- people.csv --
user_id,phone
u-1,0170 1234567
u-2,+49 170 1234567
-- want --
people.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
E_PHONE_INVALID line 2 phone: the number has no country code; write it like +49 30 123456, or give the inbox a region
user u-2|||+491701234567|
back: user_id,phone,_row,_line,_code,_field,_reason,_escaped
back: u-1,0170 1234567,1,2,E_PHONE_INVALID,phone,"the number has no country code; write it like +49 30 123456, or give the inbox a region",
Mend the rows in refused/code-phone-without-region/IMPORT-people.csv.refused.csv and drop that file.
