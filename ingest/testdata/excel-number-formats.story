# A format is how a number looks, and no part of it: but zeros and a plus in front are.
region US
zip people.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml xl/styles.xml
drop people.xlsx
-- [Content_Types].xml --
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>
-- _rels/.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>
-- xl/workbook.xml --
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Users" sheetId="1" r:id="rId1"/></sheets></workbook>
-- xl/_rels/workbook.xml.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>
-- xl/worksheets/sheet1.xml --
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheetData>
<row><c t="inlineStr"><is><t>user_id</t></is></c><c t="inlineStr"><is><t>phone</t></is></c><c t="inlineStr"><is><t>email</t></is></c><c t="inlineStr"><is><t>since</t></is></c></row>
<row><c s="1"><v>1001</v></c><c s="1"><v>4155550121</v></c><c t="inlineStr"><is><t>a@example.org</t></is></c><c s="8"><v>46354</v></c></row>
<row><c s="2"><v>1002</v></c><c s="2"><v>4155550122</v></c><c t="inlineStr"><is><t>b@example.org</t></is></c><c s="0"><v>0.5</v></c></row>
<row><c s="3"><v>1003</v></c><c s="3"><v>4155550123</v></c><c t="inlineStr"><is><t>c@example.org</t></is></c></row>
<row><c s="5"><v>42</v></c><c s="4"><v>491701234567</v></c><c t="inlineStr"><is><t>d@example.org</t></is></c></row>
<row><c s="9"><v>1005</v></c><c s="6"><v>4155550125</v></c><c t="inlineStr"><is><t>e@example.org</t></is></c><c s="8"><v>46354.4201388889</v></c></row>
<row><c s="7"><v>1006</v></c><c s="7"><v>4.155550126E9</v></c><c t="inlineStr"><is><t>f@example.org</t></is></c><c t="b"><v>1</v></c></row>
<row><c s="0"><v>1.0071E4</v></c><c s="0"><v>4155550127.0</v></c><c t="inlineStr"><is><t>g@example.org</t></is></c></row>
<row><c s="0"><v>1.23456789012345E+17</v></c><c s="0"><v>4155550128</v></c><c t="inlineStr"><is><t>h@example.org</t></is></c></row>
</sheetData></worksheet>
-- xl/styles.xml --
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="6"><numFmt numFmtId="164" formatCode="# ##0"/><numFmt numFmtId="165" formatCode="&quot;+&quot;00 000 0000000"/><numFmt numFmtId="166" formatCode="000000"/><numFmt numFmtId="167" formatCode="[&lt;=9999999]###-####;(###) ###-####"/><numFmt numFmtId="168" formatCode="0.00E+00"/><numFmt numFmtId="169" formatCode="&quot;ID-&quot;0000"/></numFmts><cellXfs count="10"><xf numFmtId="0"/><xf numFmtId="2"/><xf numFmtId="3"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="168"/><xf numFmtId="14"/><xf numFmtId="169"/></cellXfs></styleSheet>
-- want --
people.xlsx: archived, xlsx, utf-8
8 rows, 7 published, 1 refused, 0 blank
E_EXCEL_SCIENTIFIC line 9 user_id: a spreadsheet has rounded this number; format the column as text and export again
user 1001||a@example.org|+14155550121||since=2026-11-28
user 1002||b@example.org|+14155550122||since=0.5
user 1003||c@example.org|+14155550123|
user 000042||d@example.org|+491701234567|
user 1005||e@example.org|+14155550125||since=2026-11-28
user 1006||f@example.org|+14155550126||since=TRUE
user 10071||g@example.org|+14155550127|
back: user_id,phone,email,since,_row,_line,_code,_field,_reason,_escaped
back: 1.23456789012345E+17,4155550128,h@example.org,,8,9,E_EXCEL_SCIENTIFIC,user_id,a spreadsheet has rounded this number; format the column as text and export again,
Mend the rows in refused/excel-number-formats/IMPORT-people.xlsx.refused.csv and drop that file.
