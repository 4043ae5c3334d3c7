# Programs write formulas and leave the result to Excel. Until it has opened the file, the
# cell has none; where a column has no meaning for usher, the row goes without it.
zip people.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop people.xlsx
# The results are 0, and the file asks for them to be calculated.
replace xl/workbook.xml </sheets> "</sheets><calcPr calcId=""124519"" fullCalcOnLoad=""1""/>"
zip zeros.xlsx [Content_Types].xml _rels/.rels xl/workbook.xml xl/_rels/workbook.xml.rels xl/worksheets/sheet1.xml
drop zeros.xlsx
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
<row><c t="inlineStr"><is><t>user_id</t></is></c><c t="inlineStr"><is><t>name</t></is></c><c t="inlineStr"><is><t>email</t></is></c><c t="inlineStr"><is><t>note</t></is></c></row>
<row><c t="inlineStr"><is><t>u-1</t></is></c><c t="inlineStr"><is><t>A</t></is></c><c><f>A2&amp;"@example.org"</f></c></row>
<row><c t="inlineStr"><is><t>u-2</t></is></c><c t="inlineStr"><is><t>B</t></is></c><c><f>A3&amp;"@example.org"</f><v></v></c></row>
<row><c t="inlineStr"><is><t>u-3</t></is></c><c t="str"><f>"C"</f><v>C</v></c><c t="str"><f>A4&amp;"@example.org"</f><v>u-3@example.org</v></c><c><f>1+1</f></c></row>
<row><c t="inlineStr"><is><t>u-4</t></is></c><c><f>A5&amp;" jun"</f><v>0</v></c><c t="inlineStr"><is><t>d@example.org</t></is></c><c><f>1-1</f><v>0</v></c></row>
<row><c t="inlineStr"><is><t>u-5</t></is></c><c t="inlineStr"><is><t>E</t></is></c><c t="inlineStr"><is><t>e@example.org</t></is></c></row>
</sheetData></worksheet>
-- want --
people.xlsx: archived, xlsx, utf-8
5 rows, 2 published, 3 refused, 0 blank
warning: W_EXCEL_FORMULA 1 line 4: a formula in a column that is kept as it is has no result in the file: it was left empty
E_EXCEL_FORMULA line 2 email: cell C2 has a formula whose result is not in the file; open the file in Excel, save it again and drop that
E_EXCEL_FORMULA line 3 email: cell C3 has a formula whose result is not in the file; open the file in Excel, save it again and drop that
E_VALUE line 5 name: this is what a program wrote, and no name; write the name, or leave the cell empty
user u-3|C|u-3@example.org||
user u-5|E|e@example.org||
back: user_id,name,email,note,_row,_line,_code,_field,_reason,_escaped
back: u-1,A,,,1,2,E_EXCEL_FORMULA,email,"cell C2 has a formula whose result is not in the file; open the file in Excel, save it again and drop that",
back: u-2,B,,,2,3,E_EXCEL_FORMULA,email,"cell C3 has a formula whose result is not in the file; open the file in Excel, save it again and drop that",
back: u-4,0,d@example.org,0,4,5,E_VALUE,name,"this is what a program wrote, and no name; write the name, or leave the cell empty",
Mend the rows in refused/excel-formula-without-result/IMPORT-people.xlsx.refused.csv and drop that file.
zeros.xlsx: archived, xlsx, utf-8
5 rows, 2 published, 3 refused, 0 blank
warning: W_EXCEL_FORMULA 1 line 4: a formula in a column that is kept as it is has no result in the file: it was left empty
E_EXCEL_FORMULA line 2 email: cell C2 has a formula whose result is not in the file; open the file in Excel, save it again and drop that
E_EXCEL_FORMULA line 3 email: cell C3 has a formula whose result is not in the file; open the file in Excel, save it again and drop that
E_EXCEL_FORMULA line 5 name: cell B5 has a formula whose result is not in the file; open the file in Excel, save it again and drop that
user u-3|C|u-3@example.org||
user u-5|E|e@example.org||
back: user_id,name,email,note,_row,_line,_code,_field,_reason,_escaped
back: u-1,A,,,1,2,E_EXCEL_FORMULA,email,"cell C2 has a formula whose result is not in the file; open the file in Excel, save it again and drop that",
back: u-2,B,,,2,3,E_EXCEL_FORMULA,email,"cell C3 has a formula whose result is not in the file; open the file in Excel, save it again and drop that",
back: u-4,,d@example.org,,4,5,E_EXCEL_FORMULA,name,"cell B5 has a formula whose result is not in the file; open the file in Excel, save it again and drop that",
Mend the rows in refused/excel-formula-without-result/IMPORT-zeros.xlsx.refused.csv and drop that file.
