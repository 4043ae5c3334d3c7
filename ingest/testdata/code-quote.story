# A quote that is never closed costs its line and no more.
drop people.csv
-- people.csv --
user_id,email,name
u-1,a@example.org,"open
u-2,b@example.org,B
u-3,c@example.org,"C" X
u-4,d@example.org,D "the" E
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 2 published, 2 refused, 0 blank
E_QUOTE line 2 : a quote is not closed, or stands in the middle of a field
E_QUOTE line 4 : a quote is not closed, or stands in the middle of a field
user u-2|B|b@example.org||
user u-4|D "the" E|d@example.org||
back: user_id,email,name,_row,_line,_code,_field,_reason,_escaped
back: "u-1,a@example.org,""open",,,1,2,E_QUOTE,,"a quote is not closed, or stands in the middle of a field",
back: "u-3,c@example.org,""C"" X",,,3,4,E_QUOTE,,"a quote is not closed, or stands in the middle of a field",
Mend the rows in refused/code-quote/IMPORT-people.csv.refused.csv and drop that file.
