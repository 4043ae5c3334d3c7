# Programs that divide by tabs often know no quotes: one is part of the value then.
replace mariadb.tsv TAB "	"
drop mariadb.tsv
replace readr.tsv TAB "	"
drop readr.tsv
replace psql.txt TAB "|"
drop psql.txt
# Excel, which knows them.
replace excel.txt TAB "	"
drop excel.txt
-- mariadb.tsv --
emailTABname
ann@example.orgTAB"Annie" Lee
bob@example.orgTABBob "the
cem@example.orgTAB"Cem
dee@example.orgTABDee
-- readr.tsv --
emailTABname
ann@example.orgTABAnn ""Annie"" Lee
bob@example.orgTABBob
-- psql.txt --
emailTABname
ann@example.orgTAB"Annie" Lee
-- excel.txt --
emailTABname
ann@example.orgTAB"Ann ""Annie"" Lee"
bob@example.orgTAB"BobTABLee"
cem@example.orgTAB"Cem" Ak
-- want --
mariadb.tsv: archived, csv, utf-8, "\t"
4 rows, 4 published, 0 refused, 0 blank
warning: W_QUOTES 1 line 0: quotes in this file are part of the values: fields are not put in quotes
user (derived)|"Annie" Lee|ann@example.org||
user (derived)|Bob "the|bob@example.org||
user (derived)|"Cem|cem@example.org||
user (derived)|Dee|dee@example.org||
Nothing to do.
readr.tsv: archived, csv, utf-8, "\t"
2 rows, 2 published, 0 refused, 0 blank
warning: W_QUOTES 1 line 0: fields are not put in quotes in this file, and quotes in them are doubled: two were read as one
user (derived)|Ann "Annie" Lee|ann@example.org||
user (derived)|Bob|bob@example.org||
Nothing to do.
psql.txt: archived, csv, utf-8, "|"
1 rows, 1 published, 0 refused, 0 blank
warning: W_QUOTES 1 line 0: quotes in this file are part of the values: fields are not put in quotes
user (derived)|"Annie" Lee|ann@example.org||
Nothing to do.
excel.txt: archived, csv, utf-8, "\t"
3 rows, 2 published, 1 refused, 0 blank
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 2: its last row, on line 4, cannot be read
E_QUOTE line 4 : a quote is not closed, or stands in the middle of a field
user (derived)|Ann "Annie" Lee|ann@example.org||
user (derived)|Bob	Lee|bob@example.org||
back: email,name,_row,_line,_code,_field,_reason,_escaped
back: "cem@example.org	""Cem"" Ak",,3,4,E_QUOTE,,"a quote is not closed, or stands in the middle of a field",
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that.
