# Somebody still added rows under the old name of the file when usher read it. Whole,
# it is dropped again.
drop people.csv changed
drop people.csv
-- people.csv --
email
a@example.org
-- want --
people.csv: refused, csv, utf-8, ","
1 rows, 0 published, 0 refused, 1 blank
E_CHANGED the file was changed after it had been taken; drop it again when it is complete
Drop the file again once no program writes to it any more; what was published before is recognised by user_id.
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||a@example.org||
Nothing to do.
