# An id that cannot be one stays as an attribute, and another is derived; without an
# address to derive it from the row is refused.
drop people.csv
-- people.csv --
user_id,email
u 1,a@example.org
.u,b@example.org
u..2,c@example.org
Ünal,d@example.org
ok-1.x_Y,e@example.org
u 6,nobody
-- want --
people.csv: archived, csv, utf-8, ","
6 rows, 5 published, 1 refused, 0 blank
warning: W_USER_ID 4 line 2: ids with characters that usher cannot use were kept as the attribute user_id, and others were derived
E_EMAIL_SYNTAX line 7 email: there is no @ in the address
E_USER_ID line 7 user_id: not a usable user_id: only A-Z a-z 0-9 _ - . are allowed
user (derived)||a@example.org|||user_id=u 1
user (derived)||b@example.org|||user_id=.u
user (derived)||c@example.org|||user_id=u..2
user (derived)||d@example.org|||user_id=Ünal
user ok-1.x_Y||e@example.org||
back: user_id,email,_row,_line,_code,_field,_reason,_escaped
back: u 6,nobody,6,7,E_EMAIL_SYNTAX E_USER_ID,email user_id,there is no @ in the address; not a usable user_id: only A-Z a-z 0-9 _ - . are allowed,
Mend the rows in refused/code-user-id/IMPORT-people.csv.refused.csv and drop that file.
