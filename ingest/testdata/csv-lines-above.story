# What systems put above the names of the columns is looked through; when no line names
# them, the one that comes nearest is named.
drop entra.csv
drop powershell.csv
drop titles.csv
drop none.csv
# A user above the names of the columns is not left out without a word.
drop user.csv
-- entra.csv --
version:v1.0
Name,Email,Mobile Phone
Ann Lee,ann@example.org,+4915112345671
-- powershell.csv --
#TYPE Selected.Microsoft.ActiveDirectory.Management.ADUser
"Name","mail","mobile"
"Ann Lee","ann@example.org","+4915112345671"
-- titles.csv --
Customers of our shop;;
"As of 28 November, mail help@example.org";;

Kundennummer;E-Mail;Firma
1001;ann@example.org;Lee
-- none.csv --
Customers of our shop

Name,Team,Town
Ann Lee,North,Bonn
-- user.csv --
ann@example.org,Ann
email,name
bob@example.org,Bob
-- want --
entra.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_TITLES 1 line 1: the columns are named in line 2; what stands above it was skipped
user (derived)|Ann Lee|ann@example.org|+4915112345671|
Nothing to do.
powershell.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_TITLES 1 line 1: the columns are named in line 2; what stands above it was skipped
user (derived)|Ann Lee|ann@example.org|+4915112345671|
Nothing to do.
titles.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
warning: W_TITLES 1 line 1: the columns are named in line 4; what stands above it was skipped
user 1001||ann@example.org|||Firma=Lee
Nothing to do.
none.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER line 3 was taken for the names of the columns: no column for an e-mail address or a phone number was found; name one email or phone
Mend the file and drop it again.
user.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the columns are named in line 2, and users stand above it; put that line first
Mend the file and drop it again.
