# Mended and dropped again as they are: the columns of usher are known, and a
# formula's apostrophe is gone.
drop people.csv
mend mended.csv nobody two@example.org "u 2" u-2
drop mended.csv
-- people.csv --
user_id,email,note,phone
u-1,one@example.org,=1+1,
u 2,nobody,=cmd(),+4930123456
u-3,nobody@,-x,
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 1 published, 2 refused, 0 blank
warning: W_USER_ID 1 line 3: ids with characters that usher cannot use were kept as the attribute user_id, and others were derived
E_EMAIL_SYNTAX line 3 email: there is no @ in the address
E_EMAIL_SYNTAX line 4 email: the part after the @ is no domain name
user u-1||one@example.org|||note==1+1
back: user_id,email,note,phone,_row,_line,_code,_field,_reason,_escaped
back: u 2,nobody,'=cmd(),+4930123456,2,3,E_EMAIL_SYNTAX,email,there is no @ in the address,2
back: u-3,nobody@,'-x,,3,4,E_EMAIL_SYNTAX,email,the part after the @ is no domain name,2
Mend the rows in refused/refused-rows-come-back/IMPORT-people.csv.refused.csv and drop that file.
mended.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
E_EMAIL_SYNTAX line 3 email: the part before the @ has characters that are not allowed, or a dot at its end
user u-2||two@example.org|+4930123456||note==cmd()
back: user_id,email,note,phone,_row,_line,_code,_field,_reason,_escaped
back: u-3,two@example.org@,'-x,,2,3,E_EMAIL_SYNTAX,email,"the part before the @ has characters that are not allowed, or a dot at its end",2
Mend the rows in refused/refused-rows-come-back/IMPORT-mended.csv.refused.csv and drop that file.
