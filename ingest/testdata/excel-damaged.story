# A table that ends in the middle is not taken for a shorter one; and what is named
# like an Excel file and has none of its parts is none.
zip people.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop people.xlsx
replace xl/worksheets/sheet1.xml <row><c</more> </row></sheetData></worksheet>
zip mended.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop mended.xlsx
zip bare.xlsx xl/workbook.xml
drop bare.xlsx
-- [Content_Types].xml --
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>
-- _rels/.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>
-- xl/workbook.xml --
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Users" sheetId="1" r:id="rId1"/></sheets></workbook>
-- xl/_rels/workbook.xml.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>
-- xl/worksheets/sheet1.xml --
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row><c t="inlineStr"><is><t>email</t></is></c></row>
<row><c t="inlineStr"><is><t>a@example.org</t></is></c></row>
<row><c t="inlineStr"><is><t>b@example.org</t></is></c><row><c</more>
-- want --
people.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK row 3 of the sheet cannot be read; open the file in Excel, save it again and drop that
Mend the file and drop it again.
mended.xlsx: archived, xlsx, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)||a@example.org||
user (derived)||b@example.org||
Nothing to do.
bare.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the Excel file is damaged; open it in Excel, save it again and drop that
Mend the file and drop it again.
