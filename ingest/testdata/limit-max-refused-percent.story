# The addresses stand under the wrong name. Of few rows no percentage is made.
max-refused-percent 10
append-lines many.csv 18 u-%d,u%d@example.org
append-lines many.csv 3 x-%d,nobody%d
append-lines few.csv 17 v-%d,v%d@example.org
append-lines few.csv 3 y-%d,nobody%d
drop many.csv
drop few.csv
-- many.csv --
user_id,email
-- few.csv --
user_id,email
-- want --
many.csv: refused, csv, utf-8, ","
21 rows, 0 published, 3 refused, 0 blank
E_TOO_MANY_REFUSED 3 of 21 rows (14 %) cannot be used, and this inbox allows 10 %; is a column under the wrong name?
E_EMAIL_SYNTAX line 20 email: there is no @ in the address
E_EMAIL_SYNTAX line 21 email: there is no @ in the address
E_EMAIL_SYNTAX line 22 email: there is no @ in the address
Mend the rows named here and drop the file again; nothing of it was published.
few.csv: archived, csv, utf-8, ","
20 rows, 17 published, 3 refused, 0 blank
E_EMAIL_SYNTAX line 19 email: there is no @ in the address
E_EMAIL_SYNTAX line 20 email: there is no @ in the address
E_EMAIL_SYNTAX line 21 email: there is no @ in the address
user v-1||v1@example.org||
user v-2||v2@example.org||
user v-3||v3@example.org||
user v-4||v4@example.org||
user v-5||v5@example.org||
user v-6||v6@example.org||
user v-7||v7@example.org||
user v-8||v8@example.org||
user v-9||v9@example.org||
user v-10||v10@example.org||
user v-11||v11@example.org||
user v-12||v12@example.org||
user v-13||v13@example.org||
user v-14||v14@example.org||
user v-15||v15@example.org||
user v-16||v16@example.org||
user v-17||v17@example.org||
back: user_id,email,_row,_line,_code,_field,_reason,_escaped
back: y-1,nobody1,18,19,E_EMAIL_SYNTAX,email,there is no @ in the address,
back: y-2,nobody2,19,20,E_EMAIL_SYNTAX,email,there is no @ in the address,
back: y-3,nobody3,20,21,E_EMAIL_SYNTAX,email,there is no @ in the address,
Mend the rows in refused/limit-max-refused-percent/IMPORT-few.csv.refused.csv and drop that file.
