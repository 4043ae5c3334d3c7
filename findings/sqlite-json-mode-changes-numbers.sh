#!/usr/bin/env bash
# sqlite3 3.40.1 (Debian 12): the shell's JSON mode prints a REAL with 20 significant
# digits, more than a double has. 4915112345671.0, a phone number in a column of type
# REAL, comes out as 4915112345671.0000001, which is no whole number any more; the CSV
# mode of the same shell prints 4915112345671.0. A smaller number such as
# 1701234567.0 is printed right, so a list looks good at its first rows.
#
# A program that undoes a ".0" behind whole numbers sees fractions in such an export,
# and one that reads the digits takes another number. This script fails when that
# changes. It needs Debian 12's package archive, apt-get and dpkg, and installs nothing.
set -euo pipefail
version=3.40.1-2+deb12u2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
apt-get download -qq "sqlite3=$version" "libsqlite3-0=$version"
for package in *.deb; do dpkg -x "$package" root; done
shell() { LD_LIBRARY_PATH=$(dirname "$(find root -name 'libsqlite3.so.0')") root/usr/bin/sqlite3 "$@" :memory: \
	'CREATE TABLE people (name TEXT, phone REAL); INSERT INTO people VALUES ("Ann", 4915112345671), ("Ben", 1701234567);
	 SELECT name, phone FROM people'; }
json=$(shell -json)
csv=$(shell -csv | tr -d '\r')
printf 'JSON mode:\n%s\nCSV mode:\n%s\n' "$json" "$csv"
[ "$json" = '[{"name":"Ann","phone":4915112345671.0000001},
{"name":"Ben","phone":1701234567.0}]' ]
[ "$csv" = 'Ann,4915112345671.0
Ben,1701234567.0' ]
echo "as described"
