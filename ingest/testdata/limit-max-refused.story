max-refused 1
drop two.csv
drop one.csv
-- two.csv --
email
a@example.org
nobody
nothing
-- one.csv --
email
a@example.org
nobody
-- want --
two.csv: refused, csv, utf-8, ","
3 rows, 0 published, 2 refused, 0 blank
E_TOO_MANY_REFUSED 2 of 3 rows cannot be used, and this inbox allows 1
E_EMAIL_SYNTAX line 3 email: there is no @ in the address
E_EMAIL_SYNTAX line 4 email: there is no @ in the address
Mend the rows named here and drop the file again; nothing of it was published.
one.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
E_EMAIL_SYNTAX line 3 email: there is no @ in the address
user (derived)||a@example.org||
back: email,_row,_line,_code,_field,_reason,_escaped
back: nobody,2,3,E_EMAIL_SYNTAX,email,there is no @ in the address,
Mend the rows in refused/limit-max-refused/IMPORT-one.csv.refused.csv and drop that file.
