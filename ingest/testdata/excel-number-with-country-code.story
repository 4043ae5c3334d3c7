# A French number without its plus has only one reading: it is too long for a
# national one. Without its zero it might be anything.
region FR
drop people.csv
-- people.csv --
user_id,phone
u-1,33612345678
u-2,612345678
-- want --
people.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
E_EXCEL_ZEROS line 3 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
user u-1|||+33612345678|
back: user_id,phone,_row,_line,_code,_field,_reason,_escaped
back: u-2,612345678,2,3,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
Mend the rows in refused/excel-number-with-country-code/IMPORT-people.csv.refused.csv and drop that file.
