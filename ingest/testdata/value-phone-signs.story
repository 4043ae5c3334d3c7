# A country's code without plus, with signs between the digits: the one reading that is
# a number, or none.
region DE
drop people.csv
-- people.csv --
email,phone
a@example.org,49 151 12345671
b@example.org,49-151-12345671
c@example.org,(49) 151 12345671
d@example.org,49/151/12345671
e@example.org,0151 12345671
f@example.org,(0151) 12345671
g@example.org,+49 (0)151 12345671
h@example.org,41 79 123 45 67
i@example.org,43 664 1234567
-- want --
people.csv: archived, csv, utf-8, ","
9 rows, 3 published, 6 refused, 0 blank
E_EXCEL_ZEROS line 2 phone: the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456
E_EXCEL_ZEROS line 3 phone: the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456
E_EXCEL_ZEROS line 4 phone: the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456
E_EXCEL_ZEROS line 5 phone: the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456
E_EXCEL_ZEROS line 9 phone: the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456
user (derived)||e@example.org|+4915112345671|
user (derived)||f@example.org|+4915112345671|
user (derived)||g@example.org|+4915112345671|
back: email,phone,_row,_line,_code,_field,_reason,_escaped
back: a@example.org,49 151 12345671,1,2,E_EXCEL_ZEROS,phone,"the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456",
back: b@example.org,49-151-12345671,2,3,E_EXCEL_ZEROS,phone,"the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456",
back: c@example.org,(49) 151 12345671,3,4,E_EXCEL_ZEROS,phone,"the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456",
back: d@example.org,49/151/12345671,4,5,E_EXCEL_ZEROS,phone,"the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456",
back: h@example.org,41 79 123 45 67,8,9,E_EXCEL_ZEROS,phone,"the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456",
back: i@example.org,43 664 1234567,9,10,E_EXCEL_ZEROS,phone,"the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456",
Mend the rows in refused/value-phone-signs/IMPORT-people.csv.refused.csv and drop that file.
