drop mail.csv
drop note.csv
-- mail.csv --
email,E-Mail
a@example.org,b@example.org
-- note.csv --
email,note,note
a@example.org,x,y
-- want --
mail.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_COLUMN 1 line 0: the columns "email" and "E-Mail" may both mean email; the first of them was taken
user (derived)||a@example.org|||E-Mail=b@example.org
Nothing to do.
note.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org|||note=x|note (2)=y
Nothing to do.
