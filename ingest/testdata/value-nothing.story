# Words of programs for nothing; those that are names or values too need other cells.
drop people.csv
drop names.csv
drop na.csv
drop alone.csv
drop surname.csv
-- people.csv --
name,email,phone,locale
NULL,a@example.org,NULL,NULL
nan,b@example.org,nan,nan
N/A,c@example.org,N/A,N/A
#N/A,d@example.org,#N/A,#N/A
-,e@example.org,-,-
Ann,f@example.org,none,en
Bob,g@example.org,unknown,de
-- names.csv --
first_name,last_name,email
Ann,Null,a2@example.org
Bob,Na,b2@example.org
-- na.csv --
name,email,phone,locale
NA,a3@example.org,NA,NA
Ann,b3@example.org,NA,en
Bob,c3@example.org,0,de
0,d3@example.org,0,de
-- alone.csv --
name,email
None,a4@example.org
unknown,b4@example.org
-- surname.csv --
first_name,last_name,email
Ann,None,a5@example.org
-- want --
people.csv: archived, csv, utf-8, ","
7 rows, 7 published, 0 refused, 0 blank
warning: W_NOTHING 3 line 2: cells with the word "NULL" were read as empty
warning: W_NOTHING 3 line 3: cells with the word "nan" were read as empty
warning: W_NOTHING 3 line 4: cells with the word "N/A" were read as empty
warning: W_NOTHING 3 line 5: cells with the word "#N/A" were read as empty
warning: W_NOTHING 3 line 6: cells with the word "-" were read as empty
warning: W_NOTHING 1 line 7: cells with the word "none" were read as empty
warning: W_NOTHING 1 line 8: cells with the word "unknown" were read as empty
user (derived)||a@example.org||
user (derived)||b@example.org||
user (derived)||c@example.org||
user (derived)||d@example.org||
user (derived)||e@example.org||
user (derived)|Ann|f@example.org||en
user (derived)|Bob|g@example.org||de
Nothing to do.
names.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
warning: W_NOTHING 1 line 2: the name "Null" was kept, although programs write it for nothing
warning: W_NOTHING 1 line 3: the name "Na" was kept, although programs write it for nothing
user (derived)|Ann Null (given Ann, family Null)|a2@example.org||
user (derived)|Bob Na (given Bob, family Na)|b2@example.org||
Nothing to do.
na.csv: archived, csv, utf-8, ","
4 rows, 4 published, 0 refused, 0 blank
warning: W_NOTHING 4 line 2: cells with the word "NA" were read as empty
warning: W_NOTHING 3 line 4: cells with the word "0" were read as empty
user (derived)||a3@example.org||
user (derived)|Ann|b3@example.org||en
user (derived)|Bob|c3@example.org||de
user (derived)||d3@example.org||de
Nothing to do.
alone.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
warning: W_NOTHING 1 line 2: cells with the word "None" were read as empty
warning: W_NOTHING 1 line 3: cells with the word "unknown" were read as empty
user (derived)||a4@example.org||
user (derived)||b4@example.org||
Nothing to do.
surname.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_NOTHING 1 line 2: the name "None" was kept, although programs write it for nothing
user (derived)|Ann None (given Ann, family None)|a5@example.org||
Nothing to do.
