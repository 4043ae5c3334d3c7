drop people.csv
-- people.csv --
user_id,email
u-1,no.at.example.org
u-2,a@b
u-3,.dot@example.org
u-4,two words@example.org
u-5,Jürgen@Bücher.example
u-6,Name <a@example.org>
-- want --
people.csv: archived, csv, utf-8, ","
6 rows, 1 published, 5 refused, 0 blank
E_EMAIL_SYNTAX line 2 email: there is no @ in the address
E_EMAIL_SYNTAX line 3 email: the part after the @ is no domain name
E_EMAIL_SYNTAX line 4 email: the part before the @ has characters that are not allowed, or a dot at its end
E_EMAIL_SYNTAX line 5 email: the part before the @ has characters that are not allowed, or a dot at its end
E_EMAIL_SYNTAX line 7 email: the part before the @ has characters that are not allowed, or a dot at its end
user u-5||jürgen@xn--bcher-kva.example||
back: user_id,email,_row,_line,_code,_field,_reason,_escaped
back: u-1,no.at.example.org,1,2,E_EMAIL_SYNTAX,email,there is no @ in the address,
back: u-2,a@b,2,3,E_EMAIL_SYNTAX,email,the part after the @ is no domain name,
back: u-3,.dot@example.org,3,4,E_EMAIL_SYNTAX,email,"the part before the @ has characters that are not allowed, or a dot at its end",
back: u-4,two words@example.org,4,5,E_EMAIL_SYNTAX,email,"the part before the @ has characters that are not allowed, or a dot at its end",
back: u-6,Name <a@example.org>,6,7,E_EMAIL_SYNTAX,email,"the part before the @ has characters that are not allowed, or a dot at its end",
Mend the rows in refused/code-email-syntax/IMPORT-people.csv.refused.csv and drop that file.
