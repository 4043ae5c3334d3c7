# Questions of forms are read by the words in them and by what the cells hold; older
# forms have the address as Username.
columns
drop questions.csv
drop username.csv
drop login.csv
drop contacts.csv
-- questions.csv --
Timestamp,Email Address,"1. Your full name *",WhatsApp number (for your pass),Do you want news by email?,Email Address
28/11/2026,ann@example.org,Ann Lee,+12125550123,Yes,ann@example.net
-- username.csv --
Timestamp,Username,What is your full name?
28/11/2026,ann@example.org,Ann Lee
-- login.csv --
Username,Phone
ann,+12125550123
-- contacts.csv --
Name,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Type,Phone 1 - Value
Ann Lee,ann@example.org,ann@example.net,Mobile,+12125550123
Bob Poe,,bob@example.net,Mobile,+12125550124
-- want --
questions.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Timestamp: attribute
column Email Address: email, preferred to "Email Address (2)"
column 1. Your full name *: name
column WhatsApp number (for your pass): phone
column Do you want news by email?: attribute
column Email Address (2): attribute, counts for email where "Email Address" has nothing
warning: W_COLUMN 1 line 0: the columns "Email Address" and "Email Address (2)" may both mean email; the first of them was taken
user (derived)|Ann Lee|ann@example.org|+12125550123||Do you want news by email?=Yes|Email Address (2)=ann@example.net|Timestamp=28/11/2026
Nothing to do.
username.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Timestamp: attribute
column Username: email, its cells hold addresses
column What is your full name?: name
warning: W_COLUMN 1 line 0: the column "Username" was taken for email: look whether that is right
user (derived)|Ann Lee|ann@example.org|||Timestamp=28/11/2026
Nothing to do.
login.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Username: attribute
column Phone: phone
user (derived)|||+12125550123||Username=ann
Nothing to do.
contacts.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
column Name: name
column E-mail 1 - Value: email, preferred to "E-mail 2 - Value"
column E-mail 2 - Value: attribute, counts for email where "E-mail 1 - Value" has nothing
column Phone 1 - Type: attribute
column Phone 1 - Value: phone
user (derived)|Ann Lee|ann@example.org|+12125550123||E-mail 2 - Value=ann@example.net|Phone 1 - Type=Mobile
user (derived)|Bob Poe|bob@example.net|+12125550124||E-mail 2 - Value=bob@example.net|Phone 1 - Type=Mobile
Nothing to do.
