// Writes lists with ExcelJS 4.4.0 and SheetJS (xlsx) 0.18.5 into the folder that is given.
import ExcelJS from 'exceljs'
import XLSX from 'xlsx'

const out = process.argv[2]
const when = new Date(Date.UTC(2026, 10, 28))

const book = new ExcelJS.Workbook()
book.created = book.modified = when
const sheet = book.addWorksheet('Users')
sheet.addRow(['user_id', 'name', 'email', 'phone', 'locale'])
sheet.addRow([1001, { richText: [{ font: { bold: true }, text: 'Ann' }, { text: ' Lee' }] }, { text: 'write', hyperlink: 'mailto:ann@example.org' }, '+4915112345671', 'de'])
sheet.addRow([1002, 'Bob Ünal', 'bob@example.org', null, { formula: '"d"&"e"' }])
sheet.addRow([1003, 'Cem Ak', 'cem@example.org', null, { formula: '"t"&"r"', result: 'tr' }])
sheet.getRow(4).hidden = true
await book.xlsx.writeFile(out + '/exceljs.xlsx')
await book.csv.writeFile(out + '/exceljs.csv')

const people = [
  { user_id: 1001, name: 'Ann Lee', email: 'ann@example.org', phone: '+4915112345671' },
  { user_id: 1002, name: 'Bob "B" Ünal', email: 'bob@example.org' },
]
const made = XLSX.utils.book_new()
XLSX.utils.book_append_sheet(made, XLSX.utils.json_to_sheet(people), 'Users')
XLSX.writeFile(made, out + '/sheetjs.xlsx', { compression: true })
XLSX.writeFile(made, out + '/sheetjs.csv')
XLSX.writeFile(made, out + '/sheetjs-html.xls', { bookType: 'html' })
XLSX.writeFile(made, out + '/sheetjs.slk', { bookType: 'sylk' })
XLSX.writeFile(made, out + '/sheetjs.xlsb', { bookType: 'xlsb' })
XLSX.writeFile(made, out + '/sheetjs-old.xls', { bookType: 'biff5' })
