# Rows that a filter hides may be left out on purpose, or forgotten.
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
<row hidden="1"><c t="inlineStr"><is><t>u-3</t></is></c><c t="inlineStr"><is><t>c@example.org</t></is></c></row>
<row hidden="1"></row>
<row><c t="inlineStr"><is><t>u-4</t></is></c><c t="inlineStr"><is><t>d@example.org</t></is></c></row>
</sheetData></worksheet>
-- want --
people.xlsx: archived, xlsx, utf-8
4 rows, 2 published, 2 refused, 1 blank
E_EXCEL_HIDDEN line 3 : the row is hidden in the sheet, by a filter or by hand; show it, or have hidden rows of this inbox skipped or taken (--hidden-rows skip, --hidden-rows take)
E_EXCEL_HIDDEN line 4 : the row is hidden in the sheet, by a filter or by hand; show it, or have hidden rows of this inbox skipped or taken (--hidden-rows skip, --hidden-rows take)
user u-1||a@example.org||
user u-4||d@example.org||
back: user_id,email,_row,_line,_code,_field,_reason,_escaped
back: u-2,b@example.org,2,3,E_EXCEL_HIDDEN,,"the row is hidden in the sheet, by a filter or by hand; show it, or have hidden rows of this inbox skipped or taken (--hidden-rows skip, --hidden-rows take)",
back: u-3,c@example.org,3,4,E_EXCEL_HIDDEN,,"the row is hidden in the sheet, by a filter or by hand; show it, or have hidden rows of this inbox skipped or taken (--hidden-rows skip, --hidden-rows take)",
Mend the rows in refused/excel-hidden-rows/IMPORT-people.xlsx.refused.csv and drop that file.
