drop nothing.csv
drop blank.csv
drop header.csv
gzip packed.csv
drop packed.csv
drop sep.csv
-- nothing.csv --
-- blank.csv --

  

-- header.csv --
email,name
,
-- packed.csv --
-- sep.csv --
sep=;
-- want --
nothing.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the file is empty; drop it again with its rows
Mend the file and drop it again.
blank.csv: refused, , utf-8
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the file has no rows; drop it again with its rows
Mend the file and drop it again.
header.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 1 blank
E_EMPTY the file has a header and no rows
Drop the file again with its rows.
packed.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the file inside is empty; drop it again with its rows
Mend the file and drop it again.
sep.csv: refused, csv, utf-8, ";"
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the file has no rows; drop it again with its rows
Mend the file and drop it again.
