# A spreadsheet took German numbers for figures: 0170 became 170, +49 became 49.
region DE
drop people.csv
-- people.csv --
user_id,phone
u-1,1701234567
u-2,491701234567
u-3,01701234567
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 1 published, 2 refused, 0 blank
E_EXCEL_ZEROS line 2 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
E_EXCEL_ZEROS line 3 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
user u-3|||+491701234567|
back: user_id,phone,_row,_line,_code,_field,_reason,_escaped
back: u-1,1701234567,1,2,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
back: u-2,491701234567,2,3,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
Mend the rows in refused/code-excel-zeros/IMPORT-people.csv.refused.csv and drop that file.
