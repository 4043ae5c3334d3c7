# Two lists in one file: which of them is meant?
xlsx people.xlsx January=a.csv February=b.csv
drop people.xlsx
-- a.csv --
email
a@example.org
-- b.csv --
email
b@example.org
-- want --
people.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_SHEETS 2 sheets of the Excel file look like lists of users; put each in a file of its own
Mend the file and drop it again.
