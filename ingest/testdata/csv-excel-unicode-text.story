# Excel, "Unicode Text": UTF-16 with a byte order mark, tabs.
bom people.txt
crlf people.txt
utf-16le people.txt
drop people.txt
-- people.txt --
E-mail	Name
zoe@example.org	Zoë
-- want --
people.txt: archived, csv, utf-16le, "\t"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Zoë|zoe@example.org||
Nothing to do.
