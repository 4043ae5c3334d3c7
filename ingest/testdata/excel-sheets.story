# One sheet has the users; notes and hidden sheets are left, and said.
xlsx people.xlsx "Read me=notes.csv" Users=people.csv -Old=old.csv Empty=empty.csv
drop people.xlsx
xlsx hidden.xlsx Now=nothing.csv -Old=old.csv
drop hidden.xlsx
-- notes.csv --
This is the list of users
-- people.csv --
email
a@example.org
-- old.csv --
email
old@example.org
-- empty.csv --
-- nothing.csv --
-- want --
people.xlsx: archived, xlsx, utf-8
1 rows, 1 published, 0 refused, 0 blank
warning: W_SHEETS 1 line 0: 1 more sheets name no columns of users and were not read
warning: W_SHEETS 1 line 0: 1 hidden sheets were not read
user (derived)||a@example.org||
Nothing to do.
hidden.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_EMPTY the Excel file has no visible sheet with rows; drop it again with its rows
Mend the file and drop it again.
