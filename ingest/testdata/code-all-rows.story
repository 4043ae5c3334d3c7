drop people.csv
mend mended.csv nobody a@example.org
drop mended.csv
-- people.csv --
email
nobody
-- want --
people.csv: refused, csv, utf-8, ","
1 rows, 0 published, 1 refused, 0 blank
E_ALL_ROWS no row can be used
E_EMAIL_SYNTAX line 2 email: there is no @ in the address
back: email,_row,_line,_code,_field,_reason,_escaped
back: nobody,1,2,E_EMAIL_SYNTAX,email,there is no @ in the address,
Mend the rows in refused/code-all-rows/IMPORT-people.csv.refused.csv and drop that file.
mended.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org||
Nothing to do.
