# What macOS and its Finder add to a ZIP file does not count.
zip people.zip __MACOSX/ .DS_Store people.csv
drop people.zip
-- .DS_Store --
x
-- people.csv --
email,name
a@example.org,A
-- want --
people.zip: archived, csv+zip, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|A|a@example.org||
Nothing to do.
