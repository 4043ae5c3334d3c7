# The console gives a file with a note of who uploaded it, and the note is about other
# bytes: nothing of the file is published, since it is not known who gave it.
give people.csv aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_UPLOAD the note of who gave this file at the console is damaged, or is about another file
Upload the file again; nothing of it was published.
