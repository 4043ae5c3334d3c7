# In Italy the zero is part of the number, and mobile numbers have none.
region IT
drop people.csv
-- people.csv --
user_id,phone
u-1,0612345678
u-2,612345678
u-3,3123456789
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 2 published, 1 refused, 0 blank
E_EXCEL_ZEROS line 3 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
user u-1|||+390612345678|
user u-3|||+393123456789|
back: user_id,phone,_row,_line,_code,_field,_reason,_escaped
back: u-2,612345678,2,3,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
Mend the rows in refused/code-excel-zeros-italy/IMPORT-people.csv.refused.csv and drop that file.
