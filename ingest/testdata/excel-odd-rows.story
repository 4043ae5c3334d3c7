# Excel files that a program wrote, with more rows than Excel has, and with a cell that
# is nowhere.
zip many.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop many.xlsx
replace xl/worksheets/sheet1.xml "r=""1048577""" "r=""2"""
replace xl/worksheets/sheet1.xml <c><v> "<c r=""2A""><v>"
zip nowhere.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop nowhere.xlsx
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
<row r="1"><c t="inlineStr"><is><t>email</t></is></c></row>
<row r="1048577"><c><v>1</v></c></row></sheetData></worksheet>
-- want --
many.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK the sheet has more rows than Excel allows; drop the list as CSV
Mend the file and drop it again.
nowhere.xlsx: refused, xlsx, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_UNPACK row 2 of the sheet cannot be read; open the file in Excel, save it again and drop that
Mend the file and drop it again.
