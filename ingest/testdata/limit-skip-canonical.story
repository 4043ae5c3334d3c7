# A rule may name the title of a column that usher takes for one of its own.
skip Sprache=fr
skip email=test@example.org
drop people.csv
-- people.csv --
E-Mail,Sprache
ann@example.org,de
bob@example.org,FR
test@example.org,de
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 1 published, 0 refused, 0 blank, 2 skipped
user (derived)||ann@example.org||de
skipped: E-Mail,Sprache,_row,_line,_code,_field,_reason,_escaped
skipped: bob@example.org,FR,2,3,,Sprache,left out by the rule Sprache=fr,
skipped: test@example.org,de,3,4,,email,left out by the rule email=test@example.org,
Nothing to do.
