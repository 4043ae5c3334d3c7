# A cell that leads to an address, with a text that is none; and one whose own text is the
# address.
zip people.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml xl/worksheets/_rels/sheet1.xml.rels
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
<row><c t="inlineStr"><is><t>name</t></is></c><c t="inlineStr"><is><t>email</t></is></c></row>
<row><c t="inlineStr"><is><t>Jo</t></is></c><c t="inlineStr"><is><t>Mail Jo</t></is></c></row>
<row><c t="inlineStr"><is><t>Ann</t></is></c><c t="inlineStr"><is><t>ann@example.org</t></is></c></row>
<row><c t="inlineStr"><is><t>Bob</t></is></c><c t="str"><f>HYPERLINK("mailto:bob@example.org?subject=Hi","write")</f><v>write</v></c></row>
<row><c t="inlineStr"><is><t>Cem</t></is></c><c t="inlineStr"><is><t>see page</t></is></c></row>
</sheetData><hyperlinks><hyperlink ref="B2" r:id="rId1"/><hyperlink ref="B3" r:id="rId2"/><hyperlink ref="A3" r:id="rId2"/><hyperlink ref="B5" r:id="rId3"/></hyperlinks></worksheet>
-- xl/worksheets/_rels/sheet1.xml.rels --
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink" Target="mailto:jo%40example.org" TargetMode="External"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink" Target="mailto:other@example.org" TargetMode="External"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink" Target="https://example.org/cem" TargetMode="External"/></Relationships>
-- want --
people.xlsx: archived, xlsx, utf-8
4 rows, 3 published, 1 refused, 0 blank
warning: W_EXCEL_LINK 2 line 2: the address of a link was taken, because the text of its cell is not an address
E_EMAIL_SYNTAX line 5 email: there is no @ in the address
user (derived)|Jo|jo@example.org||
user (derived)|Ann|ann@example.org||
user (derived)|Bob|bob@example.org||
back: name,email,_row,_line,_code,_field,_reason,_escaped
back: Cem,see page,4,5,E_EMAIL_SYNTAX,email,there is no @ in the address,
Mend the rows in refused/excel-mail-links/IMPORT-people.xlsx.refused.csv and drop that file.
