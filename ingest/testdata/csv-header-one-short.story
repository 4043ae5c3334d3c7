# R's write.table gives the numbers of its rows no title, and divides by blanks.
drop comma.csv
drop blanks.txt
drop names.csv
-- comma.csv --
"name","email","phone"
"1","Ann Lee","ann@example.org","+4915112345671"
"2","Bob","bob@example.org",NA
-- blanks.txt --
"name" "email" "phone"
"1" "Ann Lee" "ann@example.org" "+4915112345671"
"3" "Bob" "bob@example.org" ""
-- names.csv --
name,email
Lee, Ann,ann@example.org
-- want --
comma.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
warning: W_TITLES 1 line 1: each row has its number before the first column that has a title; it was kept as column 1
warning: W_NOTHING 1 line 3: cells with the word "NA" were read as empty
user (derived)|Ann Lee|ann@example.org|+4915112345671||column 1=1
user (derived)|Bob|bob@example.org|||column 1=2
Nothing to do.
blanks.txt: archived, csv, utf-8, " "
2 rows, 2 published, 0 refused, 0 blank
warning: W_TITLES 1 line 1: each row has its number before the first column that has a title; it was kept as column 1
user (derived)|Ann Lee|ann@example.org|+4915112345671||column 1=1
user (derived)|Bob|bob@example.org|||column 1=3
Nothing to do.
names.csv: refused, csv, utf-8, ","
1 rows, 0 published, 1 refused, 0 blank
E_ALL_ROWS no row can be used
E_COLUMN_COUNT line 2 : the row has 3 columns, the header has 2
back: name,email,_row,_line,_code,_field,_reason,_escaped
back: Lee," Ann ann@example.org",1,2,E_COLUMN_COUNT,,"the row has 3 columns, the header has 2",
Mend the rows in refused/csv-header-one-short/IMPORT-names.csv.refused.csv and drop that file.
