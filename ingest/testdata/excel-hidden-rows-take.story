# The operator has said that they are part of the list.
hidden-rows take
zip people.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop people.xlsx
-- [Content_Types].xml --
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>
-- _rels/.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>
-- xl/workbook.xml --
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Users" sheetId="1" r:id="rId1"/></sheets></workbook>
-- xl/_rels/workbook.xml.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>
-- xl/worksheets/sheet1.xml --
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheetData>
<row><c t="inlineStr"><is><t>user_id</t></is></c><c t="inlineStr"><is><t>email</t></is></c></row>
<row><c t="inlineStr"><is><t>u-1</t></is></c><c t="inlineStr"><is><t>a@example.org</t></is></c></row>
<row hidden="1"><c t="inlineStr"><is><t>u-2</t></is></c><c t="inlineStr"><is><t>b@example.org</t></is></c></row>
<row hidden="true"><c t="inlineStr"><is><t>u-3</t></is></c><c t="inlineStr"><is><t>c@example.org</t></is></c></row>
<row><c t="inlineStr"><is><t>u-4</t></is></c><c t="inlineStr"><is><t>d@example.org</t></is></c></row>
</sheetData></worksheet>
-- want --
people.xlsx: archived, xlsx, utf-8
4 rows, 4 published, 0 refused, 0 blank
warning: W_EXCEL_HIDDEN 2 line 3: a row that is hidden in the sheet was taken
user u-1||a@example.org||
user u-2||b@example.org||
user u-3||c@example.org||
user u-4||d@example.org||
Nothing to do.
