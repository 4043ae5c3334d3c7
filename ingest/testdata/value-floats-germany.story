# In a country whose numbers begin with a zero the number without it has two readings.
region DE
drop people.csv
-- people.csv --
email,phone
a@example.org,1701234567.0
b@example.org,491701234567.0
c@example.org,01701234567.0
d@example.org,1.5112345671E10
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 1 published, 3 refused, 0 blank
warning: W_NUMBER 4 line 2: numbers that a program had written with decimals or an exponent were read as the whole numbers they are
E_EXCEL_ZEROS line 2 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
E_EXCEL_ZEROS line 3 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
E_EXCEL_ZEROS line 5 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
user (derived)||c@example.org|+491701234567|
back: email,phone,_row,_line,_code,_field,_reason,_escaped
back: a@example.org,1701234567.0,1,2,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
back: b@example.org,491701234567.0,2,3,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
back: d@example.org,1.5112345671E10,4,5,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
Mend the rows in refused/value-floats-germany/IMPORT-people.csv.refused.csv and drop that file.
