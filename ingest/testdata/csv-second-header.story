# Files that were put one behind the other name the columns again: in the same order, in
# another one, or other columns.
drop same.csv
drop turned.csv
drop other.csv
-- same.csv --
email,name,phone,fax
ann@example.org,Ann,+4915112345671,+493012345671
email,name,phone,fax
bob@example.org,Bob,+4915112345672,+493012345672
-- turned.csv --
email,first_name,last_name,phone,fax
ann@example.org,Ann,Lee,+4915112345671,+493012345671

E-Mail,last_name,first_name,fax,phone
jo@example.org,Doe,Jo,+493012345672,+4915112345672
bad,Doe,Jo,+493012345673,+4915112345673
short@example.org,Doe

email,first_name,last_name,phone,fax
cem@example.org,Cem,Ak,+4915112345674,+493012345674
-- other.csv --
email,name,phone
ann@example.org,Ann,+4915112345671

email,phone,locale
jo@example.org,+4915112345672,de
-- want --
same.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
warning: W_TITLES 1 line 3: a line inside the file names the columns again; it was left out
user (derived)|Ann|ann@example.org|+4915112345671||fax=+493012345671
user (derived)|Bob|bob@example.org|+4915112345672||fax=+493012345672
Nothing to do.
turned.csv: archived, csv, utf-8, ","
5 rows, 3 published, 2 refused, 2 blank
warning: W_TITLES 2 line 4: a line inside the file names the columns again in another order; what stands below it was read in that order
E_EMAIL_SYNTAX line 6 email: there is no @ in the address
E_COLUMN_COUNT line 7 : the row has 2 columns, the titles above it have 5
user (derived)|Ann Lee (given Ann, family Lee)|ann@example.org|+4915112345671||fax=+493012345671
user (derived)|Jo Doe (given Jo, family Doe)|jo@example.org|+4915112345672||fax=+493012345672
user (derived)|Cem Ak (given Cem, family Ak)|cem@example.org|+4915112345674||fax=+493012345674
back: email,first_name,last_name,phone,fax,_row,_line,_code,_field,_reason,_escaped
back: bad,Jo,Doe,+4915112345673,+493012345673,3,6,E_EMAIL_SYNTAX,email,there is no @ in the address,
back: short@example.org,Doe,,,,4,7,E_COLUMN_COUNT,,"the row has 2 columns, the titles above it have 5",
Mend the rows in refused/csv-second-header/IMPORT-turned.csv.refused.csv and drop that file.
other.csv: refused, csv, utf-8, ","
0 rows, 0 published, 0 refused, 0 blank
E_HEADER line 4 names the columns again, and not the same ones; put what stands from there on into a file of its own
Mend the file and drop it again.
