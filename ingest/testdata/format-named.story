# What is no list is called by its name, with what to do about it.
drop people.xls
drop sylk.csv
drop sheet2003.xml
drop flat.fods
drop letter.rtf
drop entries.ldif
drop cards.vcf
drop dump.sql
drop users.xml
drop key.csv
append-hex people.dbf 037e0b1c01000000410015000000000000000000000000000000000000000000454d41494c0000000000004300000000140000000000000000000000000000000d20616e6e406578616d706c652e6f726720202020201a
drop people.dbf
append-hex people.tar 70656f706c652e63737600000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000030303030363434003030303030303000303030303030300030303030303030303034300030303030303030303030300020202020202020203000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000757374617200303000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
drop people.tar
gzip people.tar
drop people.tar
append-hex people.xz fd377a585a000004e6d6b4460200210116000000742fe5a3010015656d61696c0a616e6e406578616d706c652e6f72670a00000068c0f60b0eb8755600012e16560955df1fb6f37d010000000004595a
drop people.xz
append-hex people.bz2 425a68393141592653594da46531000004558000100001400022a7d0402000310000086a0f51b49ea709aa648eb56d650f5bdfc5dc914e14241369194c40
drop people.bz2
append-hex old.xls 0908100000060500
drop old.xls
zip people.xlsb [Content_Types].xml xl/workbook.bin
drop people.xlsb
# Lists that only begin like one of those.
drop orcid.csv
drop version.csv
-- people.xls --
<html xmlns:x="urn:schemas-microsoft-com:office:excel"><body><table><tr><td>email</td></tr></table></body></html>
-- sylk.csv --
ID;PWXL;N;E
P;PGeneral
C;Y1;X1;K"email"
E
-- sheet2003.xml --
<?xml version="1.0"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>
-- flat.fods --
<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"/>
-- letter.rtf --
{\rtf1\ansi email}
-- entries.ldif --
# extended LDIF
#
version: 1

dn: uid=ann,dc=example,dc=org
mail: ann@example.org
-- cards.vcf --
BEGIN:VCARD
VERSION:3.0
EMAIL:ann@example.org
END:VCARD
-- dump.sql --
-- MariaDB dump 10.19
INSERT INTO users VALUES (1,'ann@example.org');
-- users.xml --
<users><user email="ann@example.org"/></users>
-- key.csv --
-----BEGIN PGP MESSAGE-----
-- people.dbf --
-- people.tar --
-- people.xz --
-- people.bz2 --
-- old.xls --
-- [Content_Types].xml --
<Types/>
-- xl/workbook.bin --
binary
-- orcid.csv --
ORCID,email
0000-0001,ann@example.org
-- version.csv --
ID;Phone;Email
1;+4915112345671;bob@example.org
-- want --
people.xls: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a web page (HTML), whatever its name ends in; open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that
Mend the file and drop it again.
sylk.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a spreadsheet as text (SYLK, .slk); open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that
Mend the file and drop it again.
sheet2003.xml: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is an XML spreadsheet of Excel 2003; open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that
Mend the file and drop it again.
flat.fods: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a flat document of LibreOffice; open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that
Mend the file and drop it again.
letter.rtf: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a text document (RTF); copy the table from it into a spreadsheet, save that as .xlsx or CSV (UTF-8) and drop it
Mend the file and drop it again.
entries.ldif: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a directory as text (LDIF); export the entries as CSV, with one line for each person, and drop that
Mend the file and drop it again.
cards.vcf: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a list of contacts as cards (vCard); export the contacts as CSV and drop that
Mend the file and drop it again.
dump.sql: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a dump of a database (SQL); export the list as CSV (UTF-8), JSON or Excel (.xlsx) and drop that
Mend the file and drop it again.
users.xml: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is XML; export the list as CSV (UTF-8), JSON or Excel (.xlsx) and drop that
Mend the file and drop it again.
key.csv: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is encrypted or signed with PGP; decrypt it and drop what is inside
Mend the file and drop it again.
people.dbf: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a table of dBASE (.dbf); open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that
Mend the file and drop it again.
people.tar: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is several files in one (tar); unpack it and drop each list by itself
Mend the file and drop it again.
people.tar: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is several files in one (tar); unpack it and drop each list by itself
Mend the file and drop it again.
people.xz: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is packed with xz; unpack it and drop what is inside, or pack that with gzip, zstd or ZIP
Mend the file and drop it again.
people.bz2: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is packed with bzip2; unpack it and drop what is inside, or pack that with gzip, zstd or ZIP
Mend the file and drop it again.
old.xls: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is an old Excel file (.xls); open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that
Mend the file and drop it again.
people.xlsb: refused, , 
0 rows, 0 published, 0 refused, 0 blank
E_FORMAT this is a binary Excel file (.xlsb); save it as .xlsx and drop that
Mend the file and drop it again.
orcid.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
user (derived)||ann@example.org|||ORCID=0000-0001
Nothing to do.
version.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user 1||bob@example.org|+4915112345671|
Nothing to do.
