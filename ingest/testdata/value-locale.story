drop people.csv
-- people.csv --
email,language
a@example.org,de_AT
b@example.org,PT-br
c@example.org,German
d@example.org,de_DE_formal
e@example.org,Klingon
f@example.org,ja_JP.UTF-8
-- want --
people.csv: archived, csv, utf-8, ","
6 rows, 6 published, 0 refused, 0 blank
warning: W_LOCALE 1 line 6: a language was not understood, and the row was taken without it; write one such as en, de or pt-BR
user (derived)||a@example.org||de-AT
user (derived)||b@example.org||pt-BR
user (derived)||c@example.org||de
user (derived)||d@example.org||de-DE
user (derived)||e@example.org||
user (derived)||f@example.org||ja-JP
Nothing to do.
