drop mail.csv
drop note.csv
-- mail.csv --
email,E-Mail
a@example.org,b@example.org
-- note.csv --
email,note,note
a@example.org,x,y
-- want --
mail.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the columns "email" and "E-Mail" both mean email; keep one of them
Mend the file and drop it again.
note.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER two columns are named "note"; name one of them differently
Mend the file and drop it again.
