# Text marks, wrapped cells, links and several values in one cell.
drop people.csv
-- people.csv --
user_id;email;phone
'9013;"mailto:a@example.org";'+4915112345671
"=""9014""";"=""b@example.org""";"=""+4915112345672"""
9015;c@example.org ::: c@example.net;+4915112345673 ::: +4915112345674
9016;"d@example.org; d@example.net";tel:+4915112345675
-- want --
people.csv: archived, csv, utf-8, ";"
4 rows, 4 published, 0 refused, 0 blank
warning: W_UNWRAPPED 2 line 2: what a program wrote around the user_id was taken off
warning: W_UNWRAPPED 2 line 2: what a program wrote around the email was taken off
warning: W_UNWRAPPED 3 line 2: what a program wrote around the phone was taken off
warning: W_SEVERAL 2 line 4: a cell has several values for email; the first was taken
warning: W_SEVERAL 1 line 4: a cell has several values for phone; the first was taken
user 9013||a@example.org|+4915112345671|
user 9014||b@example.org|+4915112345672|
user 9015||c@example.org|+4915112345673|
user 9016||d@example.org|+4915112345675|
Nothing to do.
