# One byte of another encoding in a list of UTF-8 costs its row, and no name of another
# row is read wrong.
append-hex people.csv 63406578616d706c652e6f72672c4dfc6c6c65720a
drop people.csv
# The file ends within a character.
append-hex cut.csv 63406578616d706c652e6f72672c5a6fc3
drop cut.csv
# And so does one that has no other character beyond ASCII.
append-hex plain.csv 62406578616d706c652e6f72672c5a6fc3
drop plain.csv
-- people.csv --
email,name
a@example.org,Jürgen
b@example.org,Zoë
-- cut.csv --
email,name
a@example.org,Jürgen
-- plain.csv --
email,name
a@example.org,Ann
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 2 published, 1 refused, 0 blank
warning: W_ENCODING 1 line 4: the file is UTF-8 with bytes in it that are not
E_ENCODING line 4 name: the value has characters that cannot be read
user (derived)|Jürgen|a@example.org||
user (derived)|Zoë|b@example.org||
back: email,name,_row,_line,_code,_field,_reason,_escaped
back: c@example.org,M�ller,3,4,E_ENCODING,name,the value has characters that cannot be read,
Mend the rows in refused/encoding-one-broken-byte/IMPORT-people.csv.refused.csv and drop that file.
cut.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
warning: W_ENCODING 1 line 3: the file is UTF-8 with bytes in it that are not
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
E_ENCODING line 3 name: the value has characters that cannot be read
user (derived)|Jürgen|a@example.org||
back: email,name,_row,_line,_code,_field,_reason,_escaped
back: c@example.org,Zo�,2,3,E_ENCODING,name,the value has characters that cannot be read,
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that.
plain.csv: archived, csv, utf-8, ","
2 rows, 1 published, 1 refused, 0 blank
warning: W_ENCODING 1 line 3: the file is UTF-8 with bytes in it that are not
warning: W_CUT_OFF 1 line 0: the file may have been cut off after row 1: its last line, 3, has no line end, and all others have one
E_ENCODING line 3 name: the value has characters that cannot be read
user (derived)|Ann|a@example.org||
back: email,name,_row,_line,_code,_field,_reason,_escaped
back: b@example.org,Zo�,2,3,E_ENCODING,name,the value has characters that cannot be read,
Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that.
