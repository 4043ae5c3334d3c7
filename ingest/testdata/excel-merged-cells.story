# Merged cells show one value for all their rows; what is merged in the titles, or over
# several columns, is not.
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
<row><c t="inlineStr"><is><t>Our users</t></is></c></row>
<row><c t="inlineStr"><is><t>user_id</t></is></c><c t="inlineStr"><is><t>email</t></is></c><c t="inlineStr"><is><t>phone</t></is></c><c t="inlineStr"><is><t>locale</t></is></c><c t="inlineStr"><is><t>team</t></is></c></row>
<row><c t="inlineStr"><is><t>u-1</t></is></c><c t="inlineStr"><is><t>a@example.org</t></is></c><c t="inlineStr"><is><t>+4915112345671</t></is></c><c t="inlineStr"><is><t>de</t></is></c><c t="inlineStr"><is><t>North</t></is></c></row>
<row><c t="inlineStr"><is><t>u-2</t></is></c><c t="inlineStr"><is><t>b@example.org</t></is></c><c t="inlineStr"><is><t></t></is></c><c t="inlineStr"><is><t></t></is></c><c t="inlineStr"><is><t></t></is></c></row>
<row><c t="inlineStr"><is><t>u-3</t></is></c><c t="inlineStr"><is><t>c@example.org</t></is></c></row>

<row><c t="inlineStr"><is><t>u-4</t></is></c><c t="inlineStr"><is><t>d@example.org</t></is></c><c t="inlineStr"><is><t>+4915112345674</t></is></c><c t="inlineStr"><is><t>en</t></is></c><c t="inlineStr"><is><t>South</t></is></c></row>
</sheetData><mergeCells count="4"><mergeCell ref="A1:E1"/><mergeCell ref="C3:C5"/><mergeCell ref="D3:D5"/><mergeCell ref="E3:E4"/></mergeCells></worksheet>
-- want --
people.xlsx: archived, xlsx, utf-8
4 rows, 4 published, 0 refused, 0 blank
warning: W_TITLES 1 line 1: the columns are named in line 2; what stands above it was skipped
warning: W_EXCEL_MERGED 2 line 4: merged cells were read as one value for each of their rows
user u-1||a@example.org|+4915112345671|de|team=North
user u-2||b@example.org|+4915112345671|de|team=North
user u-3||c@example.org|+4915112345671|de
user u-4||d@example.org|+4915112345674|en|team=South
Nothing to do.
