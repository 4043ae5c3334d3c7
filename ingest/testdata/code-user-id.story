drop people.csv
-- people.csv --
user_id,email
u 1,a@example.org
.u,b@example.org
u..2,c@example.org
Ünal,d@example.org
ok-1.x_Y,e@example.org
-- want --
people.csv: archived, csv, utf-8, ","
5 rows, 1 published, 4 refused, 0 blank
E_USER_ID line 2 user_id: not a usable user_id: only A-Z a-z 0-9 _ - . are allowed
E_USER_ID line 3 user_id: not a usable user_id: no dot at either end and no two dots in a row
E_USER_ID line 4 user_id: not a usable user_id: no dot at either end and no two dots in a row
E_USER_ID line 5 user_id: not a usable user_id: only A-Z a-z 0-9 _ - . are allowed
user ok-1.x_Y||e@example.org||
back: user_id,email,_row,_line,_code,_field,_reason,_escaped
back: u 1,a@example.org,1,2,E_USER_ID,user_id,not a usable user_id: only A-Z a-z 0-9 _ - . are allowed,
back: .u,b@example.org,2,3,E_USER_ID,user_id,not a usable user_id: no dot at either end and no two dots in a row,
back: u..2,c@example.org,3,4,E_USER_ID,user_id,not a usable user_id: no dot at either end and no two dots in a row,
back: Ünal,d@example.org,4,5,E_USER_ID,user_id,not a usable user_id: only A-Z a-z 0-9 _ - . are allowed,
Mend the rows in refused/code-user-id/IMPORT-people.csv.refused.csv and drop that file.
