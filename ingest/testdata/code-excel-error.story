drop people.csv
-- people.csv --
user_id,name,email
u-1,#N/A,a@example.org
u-2,B,#REF!
u-3,#1 fan,c@example.org
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 2 published, 1 refused, 0 blank
warning: W_NOTHING 1 line 2: cells with the word "#N/A" were read as empty
E_EXCEL_ERROR line 3 email: a formula of the spreadsheet failed here (#REF!); mend the formula or the value
user u-1||a@example.org||
user u-3|#1 fan|c@example.org||
back: user_id,name,email,_row,_line,_code,_field,_reason,_escaped
back: u-2,B,#REF!,2,3,E_EXCEL_ERROR,email,a formula of the spreadsheet failed here (#REF!); mend the formula or the value,
Mend the rows in refused/code-excel-error/IMPORT-people.csv.refused.csv and drop that file.
