complete trailer
trailer-line "TRAILER;*;%d"
drop whole.csv
drop short.csv
drop none.csv
xlsx book.xlsx Sheet1=book.csv
drop book.xlsx
-- whole.csv --
email;name
a@example.org;Ann
b@example.org;Ben
TRAILER;2026-11-28;2
-- short.csv --
email;name
c@example.org;Cora
TRAILER;2026-11-28;2
-- none.csv --
email;name
d@example.org;Dora
e@example.org;Ev
-- book.csv --
email,name,note
f@example.org,Fay,
TRAILER,2026,1
-- want --
whole.csv: archived, csv, utf-8, ";"
2 rows, 2 published, 0 refused, 0 blank
user (derived)|Ann|a@example.org||
user (derived)|Ben|b@example.org||
Nothing to do.
short.csv: refused, csv, utf-8, ";"
1 rows, 0 published, 0 refused, 0 blank
E_TRAILER the last line says 2 rows, and the file has 1; have it sent again
Have the file sent again; nothing of it was published.
none.csv: refused, csv, utf-8, ";"
2 rows, 0 published, 0 refused, 0 blank
E_TRAILER the last line is not the trailer that this inbox asks for, so the file may have been cut off after row 1; have it sent again
Have the file sent again; nothing of it was published.
book.xlsx: archived, xlsx, utf-8
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Fay|f@example.org||
Nothing to do.
