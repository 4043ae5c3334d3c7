# An inbox may take a warning for an error.
strict
drop people.csv
drop good.csv
-- people.csv --
email,name
ann@example.org,NULL
-- good.csv --
email,name
ann@example.org,Ann
-- want --
people.csv: refused, csv, utf-8, ","
1 rows, 0 published, 0 refused, 0 blank
E_STRICT there are 1 kinds of warnings, and this inbox takes no file with one; the first is: cells with the word "NULL" were read as empty
warning: W_NOTHING 1 line 2: cells with the word "NULL" were read as empty
Mend what the warnings say, or take the inbox out of --strict, and drop the file again; nothing of it was published.
good.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann|ann@example.org||
Nothing to do.
