# Parts are found by what refers to them, whatever their names are; and a sheet in which
# others are looked up is no second list of users.
zip people.xlsx [Content_Types].xml _rels/.rels book/main.xml book/_rels/main.xml.rels book/tables/users.xml book/tables/teams.xml book/words.xml
drop people.xlsx
-- [Content_Types].xml --
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>
-- _rels/.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="/book/main.xml"/></Relationships>
-- book/main.xml --
<x:workbook xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main" xmlns:r="http://purl.oclc.org/ooxml/officeDocument/relationships"><x:sheets><x:sheet name="Teams" sheetId="1" r:id="rId1"/><x:sheet name="Users" sheetId="2" r:id="rId2"/></x:sheets></x:workbook>
-- book/_rels/main.xml.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/worksheet" Target="tables/teams.xml"/><Relationship Id="rId2" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/worksheet" Target="/book/tables/users.xml"/><Relationship Id="rId3" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/sharedStrings" Target="words.xml"/></Relationships>
-- book/words.xml --
<x:sst xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:si><x:t>ID</x:t></x:si><x:si><x:t>email</x:t></x:si><x:si><x:t>name</x:t></x:si><x:si><x:r><x:t>a@</x:t></x:r><x:r><x:t>example.org</x:t></x:r></x:si><x:si><x:t>山田太郎</x:t><x:rPh sb="0" eb="2"><x:t>ヤマダ</x:t></x:rPh></x:si><x:si><x:t>line_x000D_</x:t></x:si></x:sst>
-- book/tables/users.xml --
<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row r="1"><x:c r="A1" t="s"><x:v>1</x:v></x:c><x:c r="B1" t="s"><x:v>2</x:v></x:c></x:row><x:row r="3"><x:c r="A3" t="s"><x:v>3</x:v></x:c><x:c r="B3" t="s"><x:v>4</x:v></x:c></x:row></x:sheetData></x:worksheet>
-- book/tables/teams.xml --
<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>2</x:v></x:c></x:row><x:row><x:c><x:v>1</x:v></x:c><x:c t="s"><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>
-- want --
people.xlsx: archived, xlsx, utf-8
1 rows, 1 published, 0 refused, 1 blank
warning: W_SHEETS 1 line 0: 1 more sheets name no columns of users and were not read
user (derived)|山田太郎|a@example.org||
Nothing to do.
