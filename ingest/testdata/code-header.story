drop unknown.csv
drop none.csv
xlsx titles.xlsx Users=titles.csv
drop titles.xlsx
drop titles.csv
drop no-header.csv
xlsx no-header.xlsx Users=no-header.csv
drop no-header.xlsx
replace long.csv Q WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
replace long.csv W xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
drop long.csv
drop quote.csv
-- unknown.csv --
foo,bar
1,2
-- titles.csv --
Erreichbar,Wer
ann@example.org,Ann
-- none.csv --
name,locale
A,de
-- no-header.csv --
a@example.org,A
b@example.org,B
-- long.csv --
email,QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ
a@example.org,A
-- quote.csv --
sep=;
email;"name
a@example.org;A
-- want --
unknown.csv: refused, csv, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line names no column that usher knows, whether its columns are divided by comma, semicolon, tab or |; name them user_id, name, email, phone, locale
Mend the file and drop it again.
none.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER no column for an e-mail address or a phone number was found; name one email or phone
Mend the file and drop it again.
titles.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER no column for an e-mail address or a phone number was found; name one email or phone; the titles are "Erreichbar", "Wer", and `usher columns` can say what they are
Mend the file and drop it again.
titles.csv: refused, csv, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line names no column that usher knows, whether its columns are divided by comma, semicolon, tab or |; name them user_id, name, email, phone, locale; the titles are "Erreichbar", "Wer", and `usher columns` can say what they are
Mend the file and drop it again.
no-header.csv: refused, csv, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line is a user and not the names of the columns; put a line such as email,name above it
Mend the file and drop it again.
no-header.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line is a user and not the names of the columns; put a line such as email,name above it
Mend the file and drop it again.
long.csv: refused, , utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line is too long to be the names of columns; put a line such as email,name above the rows
Mend the file and drop it again.
quote.csv: refused, csv, utf-8, ";"
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line cannot be read: a quote is not closed, or stands in the middle of a field
Mend the file and drop it again.
