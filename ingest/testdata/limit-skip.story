# Rows that the inbox leaves out are counted, listed and never published. A rule without
# a column to look into is said, also when it is about a column that is a canonical one.
skip Status=Suspended|Deactivated
skip "E-Mail Adresse=bot@example.org"
drop people.csv
drop people.jsonl
drop without.csv
drop late.jsonl
-- people.csv --
email,status
ann@example.org,Active
bob@example.org,suspended
bob@example.org,Active
nobody,Deactivated
=cmd@example.org,Suspended
-- people.jsonl --
{"email":"cec@example.org","Status":"Suspended"}
{"email":"dan@example.org","Status":"Active"}
-- without.csv --
E-Mail-Adresse,E-Mail Adresse
eve@example.org,eve@example.net
-- late.jsonl --
{"email":"fay@example.org","e-mail adresse":"x"}
{"email":"gus@example.org","Status":"Suspended"}
-- want --
people.csv: archived, csv, utf-8, ","
5 rows, 2 published, 0 refused, 0 blank, 3 skipped
warning: W_SKIP 1 line 0: the rule "E-Mail Adresse=bot@example.org" of --skip left out no row, because there is no column "E-Mail Adresse" that is read
user (derived)||ann@example.org|||status=Active
user (derived)||bob@example.org|||status=Active
skipped: email,status,_row,_line,_code,_field,_reason,_escaped
skipped: bob@example.org,suspended,2,3,,Status,left out by the rule Status=Suspended|Deactivated,
skipped: nobody,Deactivated,4,5,,Status,left out by the rule Status=Suspended|Deactivated,
skipped: '=cmd@example.org,Suspended,5,6,,Status,left out by the rule Status=Suspended|Deactivated,0
Nothing to do.
people.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 0 refused, 0 blank, 1 skipped
warning: W_SKIP 1 line 0: the rule "E-Mail Adresse=bot@example.org" of --skip left out no row, because there is no column "E-Mail Adresse" that is read
user (derived)||dan@example.org|||Status=Active
skipped: _raw,_row,_line,_code,_field,_reason,_escaped
skipped: "{""email"":""cec@example.org"",""Status"":""Suspended""}",1,1,,Status,left out by the rule Status=Suspended|Deactivated,
Nothing to do.
without.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_COLUMN 1 line 0: the columns "E-Mail-Adresse" and "E-Mail Adresse" may both mean email; the first of them was taken
warning: W_SKIP 1 line 0: the rule "Status=Suspended|Deactivated" of --skip left out no row, because there is no column "Status" that is read
user (derived)||eve@example.org|||E-Mail Adresse=eve@example.net
Nothing to do.
late.jsonl: archived, jsonl, utf-8
2 rows, 1 published, 0 refused, 0 blank, 1 skipped
user (derived)||fay@example.org|||e-mail adresse=x
skipped: _raw,_row,_line,_code,_field,_reason,_escaped
skipped: "{""email"":""gus@example.org"",""Status"":""Suspended""}",2,2,,Status,left out by the rule Status=Suspended|Deactivated,
Nothing to do.
