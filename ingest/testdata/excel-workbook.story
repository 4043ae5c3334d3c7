# Numbers as Excel keeps them: a telephone number without its plus, an id that is
# shown with zeros, a cell that a formula failed in; an empty row between.
region DE
xlsx people.xlsx Users=people.csv
drop people.xlsx
-- people.csv --
Customer ID,Full Name,E-Mail,Mobile,Notes
0000:42,Zoë,zoe@example.org,491701234567,
7,B,b@example.org,1701234567,x
,,,,
8,C,c@example.org,0170 7654321,
-- want --
people.xlsx: archived, xlsx, utf-8
3 rows, 1 published, 2 refused, 1 blank
E_EXCEL_ZEROS line 2 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
E_EXCEL_ZEROS line 3 phone: the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole
user 8|C|c@example.org|+491707654321|
back: Customer ID,Full Name,E-Mail,Mobile,Notes,_row,_line,_code,_field,_reason,_escaped
back: 000042,Zoë,zoe@example.org,491701234567,,1,2,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
back: 7,B,b@example.org,1701234567,x,2,3,E_EXCEL_ZEROS,phone,"the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole",
Mend the rows in refused/excel-workbook/IMPORT-people.xlsx.refused.csv and drop that file.
