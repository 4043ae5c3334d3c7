# sep= with a tab, in quotes as some programs write it.
replace people.csv TAB "	"
drop people.csv
-- people.csv --
"sep=TAB"
emailTABname
zoe@example.orgTABZoë
-- want --
people.csv: archived, csv, utf-8, "\t"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Zoë|zoe@example.org||
Nothing to do.
