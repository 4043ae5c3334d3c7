# Characters that nobody sees make no other person of an address.
replace people.csv LRE "‪"
replace people.csv SHY "­"
replace people.csv ZWS "​"
replace people.csv ZWN "⁠"
replace people.csv NBS " "
drop people.csv
-- people.csv --
email,phone
ann@example.org.,
LREbob@example.org,
ceSHYcil@examZWSple.org,LRE+4915112345671
d NBS e@example.org,
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 3 published, 1 refused, 0 blank
warning: W_CHARACTERS 4 line 2: invisible characters, or a dot at the end, were taken off addresses and numbers
E_EMAIL_SYNTAX line 5 email: the address has the character U+00A0, which cannot be part of one
user (derived)||ann@example.org||
user (derived)||bob@example.org||
user (derived)||cecil@example.org|+4915112345671|
back: email,phone,_row,_line,_code,_field,_reason,_escaped
back: d   e@example.org,,4,5,E_EMAIL_SYNTAX,email,"the address has the character U+00A0, which cannot be part of one",
Mend the rows in refused/value-invisible/IMPORT-people.csv.refused.csv and drop that file.
