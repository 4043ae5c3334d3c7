# Where a warning refuses the file, so does a rule that has no column to look into.
strict
skip Status=Suspended
drop people.csv
drop without.csv
-- people.csv --
email,Status
ann@example.org,Active
bob@example.org,Suspended
-- without.csv --
email,State
cec@example.org,Suspended
-- want --
people.csv: archived, csv, utf-8, ","
2 rows, 1 published, 0 refused, 0 blank, 1 skipped
user (derived)||ann@example.org|||Status=Active
skipped: email,Status,_row,_line,_code,_field,_reason,_escaped
skipped: bob@example.org,Suspended,2,3,,Status,left out by the rule Status=Suspended,
Nothing to do.
without.csv: refused, csv, utf-8, ","
1 rows, 0 published, 0 refused, 0 blank
E_STRICT there are 1 kinds of warnings, and this inbox takes no file with one; the first is: the rule "Status=Suspended" of --skip left out no row, because there is no column "Status" that is read
warning: W_SKIP 1 line 0: the rule "Status=Suspended" of --skip left out no row, because there is no column "Status" that is read
Mend what the warnings say, or take the inbox out of --strict, and drop the file again; nothing of it was published.
