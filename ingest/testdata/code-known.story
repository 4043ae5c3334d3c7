# The same list comes again: once while the stream remembers it, once after the
# stream was made anew. Nothing is published twice, unless it is asked for.
drop people.csv
drop again.csv
forget
drop later.csv
redrop later.csv
-- people.csv --
email
a@example.org
-- again.csv --
email
a@example.org
-- later.csv --
email
a@example.org
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org||
Nothing to do.
again.csv: duplicate, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
duplicate of IMPORT
Nothing to do: its content was imported before. To import it all the same, use usher redrop.
later.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_KNOWN this content was imported as IMPORT, but the stream has forgotten it; if it must be imported again, use usher redrop
Nothing to do, unless it must be imported again: then use usher redrop.
later.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org||
Nothing to do.
