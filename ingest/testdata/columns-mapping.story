# What --columns says comes before what usher would make of the titles.
columns
take Kontakt email
take "E-Mail" attribute
take Geheim ignored
drop people.csv
-- people.csv --
E-Mail,Kontakt,Geheim,Name
news@example.org,ann@example.org,x,Ann
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column E-Mail: attribute, as the mapping says
column Kontakt: email, as the mapping says
column Geheim: ignored, as the mapping says
column Name: name
user (derived)|Ann|ann@example.org|||E-Mail=news@example.org
Nothing to do.
