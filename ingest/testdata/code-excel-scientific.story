drop people.csv
-- people.csv --
user_id,phone,email
4.41E+11,,a@example.org
u-2,"4,91702E+11",b@example.org
u-3,+491702345678,c@example.org
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 1 published, 2 refused, 0 blank
E_EXCEL_SCIENTIFIC line 2 user_id: a spreadsheet has rounded this number; format the column as text and export again
E_EXCEL_SCIENTIFIC line 3 phone: a spreadsheet has rounded this number; format the column as text and export again
user u-3||c@example.org|+491702345678|
back: user_id,phone,email,_row,_line,_code,_field,_reason,_escaped
back: 4.41E+11,,a@example.org,1,2,E_EXCEL_SCIENTIFIC,user_id,a spreadsheet has rounded this number; format the column as text and export again,
back: u-2,"4,91702E+11",b@example.org,2,3,E_EXCEL_SCIENTIFIC,phone,a spreadsheet has rounded this number; format the column as text and export again,
Mend the rows in refused/code-excel-scientific/IMPORT-people.csv.refused.csv and drop that file.
