drop people.csv
-- people.csv --
email,language
a@example.org,de_AT
b@example.org,PT-br
c@example.org,German
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 2 published, 1 refused, 0 blank
E_LOCALE line 4 locale: this is no language tag; write one such as en, de or pt-BR
user (derived)||a@example.org||de-AT
user (derived)||b@example.org||pt-BR
back: email,language,_row,_line,_code,_field,_reason,_escaped
back: c@example.org,German,3,4,E_LOCALE,locale,"this is no language tag; write one such as en, de or pt-BR",
Mend the rows in refused/code-locale/IMPORT-people.csv.refused.csv and drop that file.
