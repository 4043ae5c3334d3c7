# Python's csv module in each of its dialects.
run python3 write.py
drop excel.csv
drop excel-tab.csv
drop unix.csv
-- write.py --
import csv
rows = [["email", "name", "note"], ["a@example.org", 'Zoë "Z", A', "one\ntwo"], ["b@example.org", "B", None]]
for dialect in csv.list_dialects():
    with open(dialect + ".csv", "w", newline="", encoding="utf-8") as f:
        csv.writer(f, dialect).writerows(rows)
-- want --
excel.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)|Zoë "Z", A|a@example.org|||note=one
two
user (derived)|B|b@example.org||
Nothing to do.
excel-tab.csv: archived, csv, utf-8, "\t"
2 rows, 2 published, 0 refused, 0 blank
user (derived)|Zoë "Z", A|a@example.org|||note=one
two
user (derived)|B|b@example.org||
Nothing to do.
unix.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
user (derived)|Zoë "Z", A|a@example.org|||note=one
two
user (derived)|B|b@example.org||
Nothing to do.
