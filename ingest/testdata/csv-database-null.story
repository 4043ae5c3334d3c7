# psql and MySQL write \N for nothing.
drop people.txt
-- people.txt --
user_id	email	phone	note
u-1	a@example.org	\N	\N
-- want --
people.txt: archived, csv, utf-8, "\t"
1 rows, 1 published, 0 refused, 0 blank
user u-1||a@example.org||
Nothing to do.
