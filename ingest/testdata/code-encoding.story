# The file says that it is UTF-8, and in two rows it is not.
bom people.csv
append-hex people.csv 61406578616d706c652e6f72672cff0a
append-hex people.csv 62406578616d706c652e6f72672c420a
append-hex people.csv 63406578616d706c652e6f72672c432cff0a
drop people.csv
-- people.csv --
email,name,note
-- want --
people.csv: archived, csv, utf-8, ","
3 rows, 1 published, 2 refused, 0 blank
warning: W_ENCODING 1 line 2: the file is UTF-8 with bytes in it that are not
E_ENCODING line 2 name: the value has characters that cannot be read
E_ENCODING line 4 note: the value has characters that cannot be read
user (derived)|B|b@example.org||
back: email,name,note,_row,_line,_code,_field,_reason,_escaped
back: a@example.org,�,,1,2,E_ENCODING,name,the value has characters that cannot be read,
back: c@example.org,C,�,3,4,E_ENCODING,note,the value has characters that cannot be read,
Mend the rows in refused/code-encoding/IMPORT-people.csv.refused.csv and drop that file.
