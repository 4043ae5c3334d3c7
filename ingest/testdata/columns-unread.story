# A column that is not understood and holds addresses or numbers is said; when nothing
# else has them, the file is refused.
drop beside.csv
drop alone.csv
drop numbers.csv
drop manager.csv
drop account.csv
drop opt-in.csv
-- beside.csv --
email,Zweitkontakt
ann@example.org,ann@example.net
-- alone.csv --
phone,Kontakt
+4915112345671,ann@example.org
-- numbers.csv --
email,Kontakt
ann@example.org,+4915112345671
-- manager.csv --
phone,Manager Email,Fax
+4915112345671,boss@example.org,+493012345
-- account.csv --
AccountId,Email
001Z,ann@example.org
001Z,bob@example.org
-- opt-in.csv --
Mail,Work Email,Phone
yes,ann@example.org,+4915112345671
no,bob@example.org,+4915112345672
-- want --
beside.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_COLUMN 1 line 0: the column "Zweitkontakt" holds addresses or numbers, and was kept as an attribute
user (derived)||ann@example.org|||Zweitkontakt=ann@example.net
Nothing to do.
alone.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the column "Kontakt" holds e-mail addresses, and no other column was taken for them; name it email, or say with `usher columns` what it is
Mend the file and drop it again.
numbers.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the column "Kontakt" holds phone numbers, and no other column was taken for them; name it phone, or say with `usher columns` what it is
Mend the file and drop it again.
manager.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|||+4915112345671||Fax=+493012345|Manager Email=boss@example.org
Nothing to do.
account.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the only id is in the column "AccountId", and several people have the same one; name the column with the id of each person user_id, or have this one kept as an attribute (`usher columns`)
Mend the file and drop it again.
opt-in.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)||ann@example.org|+4915112345671||Mail=yes
user (derived)||bob@example.org|+4915112345672||Mail=no
Nothing to do.
