# LibreOffice: UTF-8, comma, LF, quotes only where they are needed.
drop people.csv
-- people.csv --
User ID,Full Name,E-Mail,Phone Number,Notes
u-1,"Miller, Zoë ""Z""",zoe@example.org,+4930123456,"first line
second line"
u-2,Plain,two@example.org,,
-- want --
people.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user u-1|Miller, Zoë "Z"|zoe@example.org|+4930123456||Notes=first line
second line
user u-2|Plain|two@example.org||
Nothing to do.
