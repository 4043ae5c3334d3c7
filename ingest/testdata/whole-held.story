last-line hold
# a.csv lacks its line end and is whole, b.csv was cut off within a row
cut a.csv 1
check a.csv
held a.csv
release a.csv
cut b.csv 9
held b.csv
refuse b.csv
-- a.csv --
email,name
a@example.org,Ann
b@example.org,Ben
-- b.csv --
email,name
c@example.org,Cora
d@example.org,Dora
-- want --
check a.csv: archived
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
warning: W_HELD 1 line 0: an import would wait for a person: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
a.csv: held, 2 rows: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
Compare it with what was sent. If it is whole, let it go, in the console or with `usher release IMPORT`. If not, refuse it there (--refuse), and have it sent again.
a.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
warning: W_RELEASED 1 line 0: it was held, and an operator released it: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
user (derived)|Ann|a@example.org||
user (derived)|Ben|b@example.org||
Nothing to do.
b.csv: held, 2 rows: the file may have been cut off after row 1: its last row, on line 3, cannot be read
Compare it with what was sent. If it is whole, let it go, in the console or with `usher release IMPORT`. If not, refuse it there (--refuse), and have it sent again.
b.csv: refused, csv, utf-8, ","
2 rows, 0 published, 1 refused, 0 blank
E_CUT_OFF the file may have been cut off after row 1: its last row, on line 3, cannot be read; it was held, and an operator refused it
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last row, on line 3, cannot be read
E_COLUMN_COUNT line 3 : the row has 1 columns, the header has 2
Compare the file with what was sent. If it was cut off, have the whole file sent again; nothing of this one was published.
