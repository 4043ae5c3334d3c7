# \copy of psql, from a server of our own: CSV with and without the names of its
# columns, and the text form with them (since PostgreSQL 15), in which \N is nothing
# and what stands behind other backslashes stays as it stands.
run psql --version && sh server.sh
drop header.csv
drop semicolon.csv
drop header.txt
drop plain.csv
drop plain.txt
-- server.sh --
set -eu
initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
[ -n "$initdb" ] || { echo "PostgreSQL's server is not installed"; exit 77; }
bin=$(dirname "$initdb")
dir=$(mktemp -d)
server() { # not as root
	if [ "$(id -u)" = 0 ]; then (cd / && su postgres -s /bin/sh -c "$*"); else sh -c "$*"; fi
}
trap 'server "$bin/pg_ctl -D $dir/data -m immediate stop" >/dev/null; rm -rf "$dir"' EXIT
[ "$(id -u)" != 0 ] || chown postgres "$dir"
server "$bin/initdb -D $dir/data -A trust -U postgres --no-sync -E UTF8 --locale=C" >/dev/null
server "$bin/pg_ctl -D $dir/data -w -l $dir/log -o \"-c listen_addresses= -k $dir -F\" start" >/dev/null
PGCLIENTENCODING=UTF8 psql -h "$dir" -U postgres -v ON_ERROR_STOP=1 -q -f export.sql postgres
-- export.sql --
CREATE TABLE people (user_id text, name text, email text, phone text, locale text, note text, joined timestamptz, vip boolean);
SET timezone TO 'UTC';
INSERT INTO people VALUES ('a', 'Zoë "Z" Müller, A', 'a@example.org', '+4930123456', 'de', E'one\ntwo\t\\three', '2026-01-02 03:04:05Z', true);
INSERT INTO people VALUES ('b', NULL, 'b@example.org', NULL, NULL, NULL, NULL, NULL);
INSERT INTO people VALUES ('c', '', 'c@example.org', '', '', '', NULL, false);
\copy people TO 'header.csv' CSV HEADER
\copy people TO 'plain.csv' CSV
UPDATE people SET user_id = user_id || '1', email = '1' || email;
\copy people TO 'semicolon.csv' (FORMAT csv, HEADER, DELIMITER ';', FORCE_QUOTE *)
UPDATE people SET user_id = user_id || '2', email = '2' || email;
\copy people TO 'header.txt' (HEADER)
\copy people TO 'plain.txt'
-- want --
header.csv: archived, csv, utf-8, ","
3 rows, 3 published, 0 refused, 0 blank
user a|Zoë "Z" Müller, A|a@example.org|+4930123456|de|joined=2026-01-02 03:04:05+00|note=one
two	\three|vip=t
user b||b@example.org||
user c||c@example.org|||vip=f
Nothing to do.
semicolon.csv: archived, csv, utf-8, ";"
3 rows, 3 published, 0 refused, 0 blank
user a1|Zoë "Z" Müller, A|1a@example.org|+4930123456|de|joined=2026-01-02 03:04:05+00|note=one
two	\three|vip=t
user b1||1b@example.org||
user c1||1c@example.org|||vip=f
Nothing to do.
header.txt: archived, csv, utf-8, "\t"
3 rows, 3 published, 0 refused, 0 blank
user a12|Zoë "Z" Müller, A|21a@example.org|+4930123456|de|joined=2026-01-02 03:04:05+00|note=one\ntwo\t\\three|vip=t
user b12||21b@example.org||
user c12||21c@example.org|||vip=f
Nothing to do.
plain.csv: refused, csv, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line is a user and not the names of the columns; put a line such as email,name above it
Mend the file and drop it again.
plain.txt: refused, csv, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_HEADER the first line is a user and not the names of the columns; put a line such as email,name above it
Mend the file and drop it again.
