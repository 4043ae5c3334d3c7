# A picture, and Excel's old format.
append-hex picture.csv 89504e470d0a1a0a0000000d49484452
append-hex people.xls d0cf11e0a1b11ae1000000
drop picture.csv
drop people.xls
-- picture.csv --
-- people.xls --
-- want --
picture.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a picture (PNG); export the list as CSV (UTF-8), JSON or Excel (.xlsx) and drop that
Mend the file and drop it again.
people.xls: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is an old Excel file (.xls), or one with a password; save it as .xlsx without a password, or as CSV (UTF-8), and drop that
Mend the file and drop it again.
