# Excel in Germany, "CSV (Trennzeichen-getrennt)": semicolons, CRLF, Windows-1252.
region DE
crlf kunden.csv
windows-1252 kunden.csv
drop kunden.csv
-- kunden.csv --
Kundennummer;Vorname;Nachname;E-Mail;Handy;Firma
1001;Zoë;Müller;zoe@example.org;0170 1234567;"Müller; Söhne"
1002;Jörg;Weiß;JOERG@Example.org;+49 170 7654321;
;;;;;
;;;;;
-- want --
kunden.csv: archived, csv, windows-1252, ";"
2 rows, 2 published, 0 refused, 2 blank
warning: W_ENCODING 1 line 2: the file is not UTF-8 and was read as Windows-1252: look whether names with accents are right
user 1001|Zoë Müller (given Zoë, family Müller)|zoe@example.org|+491701234567||Firma=Müller; Söhne
user 1002|Jörg Weiß (given Jörg, family Weiß)|joerg@example.org|+491707654321|
Nothing to do.
