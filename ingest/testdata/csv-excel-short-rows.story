# Excel leaves out empty cells at the end of some rows. A row that ends before the
# columns that usher knows, or in the middle of the last line, is another matter.
cut people.csv 1
drop people.csv
-- people.csv --
email,name,note,room
a@example.org,A,x,1
b@example.org,B
c@example.org
d@example.org,D,cut o
-- want --
people.csv: archived, csv, utf-8, ","
4 rows, 2 published, 2 refused, 0 blank
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 3: its last row, on line 5, cannot be read
E_COLUMN_COUNT line 4 : the row has 1 columns, the header has 4
E_COLUMN_COUNT line 5 : the row has 3 columns, the header has 4
user (derived)|A|a@example.org|||note=x|room=1
user (derived)|B|b@example.org||
back: email,name,note,room,_row,_line,_code,_field,_reason,_escaped
back: c@example.org,,,,3,4,E_COLUMN_COUNT,,"the row has 1 columns, the header has 4",
back: d@example.org,D,cut o,,4,5,E_COLUMN_COUNT,,"the row has 3 columns, the header has 4",
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that. The other refused rows are in refused/csv-excel-short-rows/IMPORT-people.csv.refused.csv: mend them and drop that file.
