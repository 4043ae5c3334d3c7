# A list of Windows-1252 stays one although two of its bytes happen to be a character of
# UTF-8.
windows-1252 people.csv
append-lines people.csv 60 %d@example.org,X
replace people.csv ,X ,Zo~
append-hex people.csv 62406578616d706c652e6f72672c434146c9960a
run sed -i 's/~/\xeb/' people.csv
drop people.csv
-- people.csv --
email,name
a@example.org,Jürgen
-- want --
people.csv: archived, csv, windows-1252, ","
62 rows, 62 published, 0 refused, 0 blank
warning: W_ENCODING 1 line 2: the file is not UTF-8 and was read as Windows-1252: look whether names with accents are right
user (derived)|Jürgen|a@example.org||
user (derived)|Zoë|1@example.org||
user (derived)|Zoë|2@example.org||
user (derived)|Zoë|3@example.org||
user (derived)|Zoë|4@example.org||
user (derived)|Zoë|5@example.org||
user (derived)|Zoë|6@example.org||
user (derived)|Zoë|7@example.org||
user (derived)|Zoë|8@example.org||
user (derived)|Zoë|9@example.org||
user (derived)|Zoë|10@example.org||
user (derived)|Zoë|11@example.org||
user (derived)|Zoë|12@example.org||
user (derived)|Zoë|13@example.org||
user (derived)|Zoë|14@example.org||
user (derived)|Zoë|15@example.org||
user (derived)|Zoë|16@example.org||
user (derived)|Zoë|17@example.org||
user (derived)|Zoë|18@example.org||
user (derived)|Zoë|19@example.org||
user (derived)|Zoë|20@example.org||
user (derived)|Zoë|21@example.org||
user (derived)|Zoë|22@example.org||
user (derived)|Zoë|23@example.org||
user (derived)|Zoë|24@example.org||
user (derived)|Zoë|25@example.org||
user (derived)|Zoë|26@example.org||
user (derived)|Zoë|27@example.org||
user (derived)|Zoë|28@example.org||
user (derived)|Zoë|29@example.org||
user (derived)|Zoë|30@example.org||
user (derived)|Zoë|31@example.org||
user (derived)|Zoë|32@example.org||
user (derived)|Zoë|33@example.org||
user (derived)|Zoë|34@example.org||
user (derived)|Zoë|35@example.org||
user (derived)|Zoë|36@example.org||
user (derived)|Zoë|37@example.org||
user (derived)|Zoë|38@example.org||
user (derived)|Zoë|39@example.org||
user (derived)|Zoë|40@example.org||
user (derived)|Zoë|41@example.org||
user (derived)|Zoë|42@example.org||
user (derived)|Zoë|43@example.org||
user (derived)|Zoë|44@example.org||
user (derived)|Zoë|45@example.org||
user (derived)|Zoë|46@example.org||
user (derived)|Zoë|47@example.org||
user (derived)|Zoë|48@example.org||
user (derived)|Zoë|49@example.org||
Nothing to do.
