#!/bin/sh
# Writes the lists in ../made anew with the programs themselves, of which it gets those
# with a version from their registries. Needed: python3, node with npm, java 17 with
# maven, R, Miller, sqlite3. The lists are kept, so tests need none of them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
made=$here/../made
work=${1:-$(mktemp -d)}
mkdir -p "$made" "$work"
cp "$here"/make.mjs "$here"/Make.java "$work"

python3 -m venv "$work/python"
"$work/python/bin/pip" install -q openpyxl==3.1.5 XlsxWriter==3.3.1 pandas==3.1.1
"$work/python/bin/python" "$here/make.py" "$made"

cd "$work"
npm install --silent --no-save exceljs@4.4.0 xlsx@0.18.5
node make.mjs "$made"

cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>made</groupId><artifactId>made</artifactId><version>1</version><dependencies><dependency><groupId>org.apache.poi</groupId><artifactId>poi-ooxml</artifactId><version>5.3.0</version></dependency></dependencies></project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=poi
java -cp 'poi/*' Make.java "$made"

Rscript "$here/make.R" "$made"

cat > people.csv <<'CSV'
user_id,name,email,phone,fax
1001,"Ann ""Annie"" Lee",ann@example.org,+4915112345671,+493012345671
CSV
cat > more.csv <<'CSV'
user_id,name,email,fax,phone
1002,Bob Ünal,bob@example.org,+493012345672,+4915112345672
CSV
mlr --icsv --ocsv cat people.csv more.csv > "$made/miller.csv"
mlr --icsv --otsv cat people.csv > "$made/miller.tsv"
mlr --icsv --ojson cat people.csv more.csv > "$made/miller.json"
mlr --icsv --ojsonl cat people.csv more.csv > "$made/miller.jsonl"

sqlite3 > "$made/sqlite.csv" <<'SQL'
create table users (user_id integer, name text, email text, phone text);
insert into users values (1001, 'Ann "Annie" Lee', 'ann@example.org', '+4915112345671'), (1002, 'Bob Ünal', 'bob@example.org', null);
.mode csv
.headers on
select * from users;
SQL
sqlite3 > "$made/sqlite-tabs.tsv" <<'SQL'
create table users (user_id integer, name text, email text, phone text);
insert into users values (1001, '"Annie" Lee', 'ann@example.org', '+4915112345671'), (1002, 'Bob Ünal', 'bob@example.org', null);
.mode tabs
.headers on
select * from users;
SQL
sqlite3 > "$made/sqlite.json" <<'SQL'
create table users (user_id real, name text, email text, phone text);
insert into users values (4915112345671.0, 'Ann Lee', 'ann@example.org', null), (1002.0, 'Bob Ünal', 'bob@example.org', '+4915112345672');
.mode json
select * from users;
SQL
