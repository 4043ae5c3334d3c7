# Objects of JSON that were refused are read again as they were: what a key means does
# not depend on how the row comes in.
columns
take Kontakt email
take email attribute
drop people.jsonl
mend mended.csv "+49" "+4915112345671"
drop mended.csv
-- people.jsonl --
{"Kontakt":"ann@example.org","email":"news@example.org","phone":"+4915112345670"}
{"Kontakt":"bob@example.org","email":"news@example.org","phone":"+49"}
-- want --
people.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 1 refused, 0 blank
column Kontakt: email, as the mapping says
column email: attribute, as the mapping says
column phone: phone
E_PHONE_INVALID line 2 phone: this is no phone number
user (derived)||ann@example.org|+4915112345670||email=news@example.org
back: _raw,_row,_line,_code,_field,_reason,_escaped
back: "{""Kontakt"":""bob@example.org"",""email"":""news@example.org"",""phone"":""+49""}",2,2,E_PHONE_INVALID,phone,this is no phone number,
Mend the rows in refused/refused-objects-come-back/IMPORT-people.jsonl.refused.csv and drop that file.
mended.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Kontakt: email, as the mapping says
column email: attribute, as the mapping says
column phone: phone
user (derived)||bob@example.org|+4915112345671||email=news@example.org
Nothing to do.
