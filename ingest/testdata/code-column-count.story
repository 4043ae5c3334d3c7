drop people.csv
-- people.csv --
email,name,note
a@example.org,A,x,y
b@example.org
c@example.org,C,x,,
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 1 published, 2 refused, 0 blank
E_COLUMN_COUNT line 2 : the row has 4 columns, the header has 3
E_COLUMN_COUNT line 3 : the row has 1 columns, the header has 3
user (derived)|C|c@example.org|||note=x
back: email,name,note,_row,_line,_code,_field,_reason,_escaped
back: a@example.org,A,x y,1,2,E_COLUMN_COUNT,,"the row has 4 columns, the header has 3",
back: b@example.org,,,2,3,E_COLUMN_COUNT,,"the row has 1 columns, the header has 3",
Mend the rows in refused/code-column-count/IMPORT-people.csv.refused.csv and drop that file.
