# A backslash before a quote, as MariaDB, R, PHP and PostgreSQL can write it.
drop mariadb.csv
drop php.csv
drop bare.csv
# A path that ends with one is no such file.
drop paths.csv
-- mariadb.csv --
user_id,name,email,note
"1001","Ann \"Annie\" Lee","ann@example.org","line one\
line two"
"1002","Bob \"B\", the second","bob@example.org","C:\\dir\\"
"1003",\N,"al@example.org",\N
-- php.csv --
name,email,note
"Ann \"Annie\" Lee",ann@example.org,"Path ""C:\" here"
-- bare.csv --
email,name
ann@example.org,Ann \"Annie\" Lee
-- paths.csv --
email,folder,name
ann@example.org,"C:\dir\","Ann ""Annie"" Lee"
-- want --
mariadb.csv: archived, csv, utf-8, ","
3 rows, 3 published, 0 refused, 0 blank
warning: W_QUOTES 1 line 0: quotes in values have a backslash before them in this file, which was taken off
user 1001|Ann "Annie" Lee|ann@example.org|||note=line one
line two
user 1002|Bob "B", the second|bob@example.org|||note=C:\dir\
user 1003||al@example.org||
Nothing to do.
php.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_QUOTES 1 line 0: a backslash before a quote keeps it in the value in this file; both were kept
user (derived)|Ann \"Annie\" Lee|ann@example.org|||note=Path "C:\" here
Nothing to do.
bare.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_QUOTES 1 line 0: quotes in values have a backslash before them in this file, which was taken off
user (derived)|Ann "Annie" Lee|ann@example.org||
Nothing to do.
paths.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann "Annie" Lee|ann@example.org|||folder=C:\dir\
Nothing to do.
