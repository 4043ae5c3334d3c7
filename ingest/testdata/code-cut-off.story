last-line refuse
# a last line without an end, and a last row that cannot be read
drop last.csv
drop within.csv
drop whole.csv
-- last.csv --
email,name
a@example.org,Ann
b@example.co
-- within.csv --
email,name
a@example.org,Ann
c@example.org,"Cor
-- whole.csv --
email,name
d@example.org,Dora
-- want --
last.csv: refused, csv, utf-8, ","
2 rows, 0 published, 1 refused, 0 blank
E_CUT_OFF the file may have been cut off after row 1: its last row, on line 3, cannot be read
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last row, on line 3, cannot be read
E_COLUMN_COUNT line 3 : the row has 1 columns, the header has 2
Compare the file with what was sent. If it was cut off, have the whole file sent again; nothing of this one was published.
within.csv: refused, csv, utf-8, ","
2 rows, 0 published, 1 refused, 0 blank
E_CUT_OFF the file may have been cut off after row 1: its last row, on line 3, cannot be read
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last row, on line 3, cannot be read
E_QUOTE line 3 : a quote is not closed, or stands in the middle of a field
Compare the file with what was sent. If it was cut off, have the whole file sent again; nothing of this one was published.
whole.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Dora|d@example.org||
Nothing to do.
