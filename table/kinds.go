package table

import (
	"archive/zip"
	"bytes"
	"regexp"
	"strings"
)

// kind is a sort of file that is no list usher reads, and what to do with it.
type kind struct {
	name   string
	advice string
}

// Advice that fits several kinds.
const (
	saveFromExcel = "open it in Excel or LibreOffice, save it as .xlsx or CSV (UTF-8) and drop that"
	exportAgain   = "export the list as CSV (UTF-8), JSON or Excel (.xlsx) and drop that"
	unpackIt      = "unpack it and drop what is inside, or pack that with gzip, zstd or ZIP"
)

// error refuses a file of the kind.
func (k kind) error() error {
	return Unusable("E_FORMAT", "this is %s; %s", k.name, k.advice)
}

// begins are the kinds that are told by their first bytes.
var begins = []struct {
	magic string
	kind
}{
	{magicOLE, kind{"an old Excel file (.xls), or one with a password", "save it as .xlsx without a password, or as CSV (UTF-8), and drop that"}},
	{"\x09\x08\x10\x00", kind{"an old Excel file (.xls)", saveFromExcel}}, // BIFF without a container: 8, 5, 4, 3, 2
	{"\x09\x08\x08\x00", kind{"an old Excel file (.xls)", saveFromExcel}},
	{"\x09\x04\x06\x00", kind{"an old Excel file (.xls)", saveFromExcel}},
	{"\x09\x02\x06\x00", kind{"an old Excel file (.xls)", saveFromExcel}},
	{"\x09\x00\x04\x00", kind{"an old Excel file (.xls)", saveFromExcel}},
	{"\xfd7zXZ\x00", kind{"packed with xz", unpackIt}},
	{"7z\xbc\xaf\x27\x1c", kind{"packed with 7-Zip", unpackIt}},
	{"Rar!\x1a\x07", kind{"packed with RAR", unpackIt}},
	{"\x04\x22\x4d\x18", kind{"packed with LZ4", unpackIt}},
	{"\x1f\x9d", kind{"packed with compress (.Z)", unpackIt}},
	{"LZIP\x01", kind{"packed with lzip", unpackIt}},
	{"{\\rtf", kind{"a text document (RTF)", "copy the table from it into a spreadsheet, save that as .xlsx or CSV (UTF-8) and drop it"}},
	{"%PDF-", kind{"a PDF document", exportAgain}},
	{"\x89PNG", kind{"a picture (PNG)", exportAgain}},
	{"\xff\xd8\xff", kind{"a picture (JPEG)", exportAgain}},
	{"GIF89a", kind{"a picture (GIF)", exportAgain}},
	{"SQLite format 3\x00", kind{"a database of SQLite", "export the table, with sqlite3 by -header -csv, and drop that"}},
	{"\x00\x01\x00\x00Standard ", kind{"a database of Access", exportAgain}},
	{"PAR1\x15", kind{"a Parquet file", exportAgain}},
	{"Obj\x01", kind{"an Avro file", exportAgain}},
	{"ARROW1\x00\x00", kind{"an Arrow or Feather file", exportAgain}},
	{"$FL2@(#)", kind{"a file of SPSS", exportAgain}},
	{"<stata_dta>", kind{"a file of Stata", exportAgain}},
	{"RDX3\n", kind{"a file of R", "write the list by write.csv and drop that"}},
	{"!BDN", kind{"a mailbox of Outlook (.pst)", "export the contacts as CSV and drop that"}},
	{"-----BEGIN PGP", kind{"encrypted or signed with PGP", "decrypt it and drop what is inside"}},
	{"age-encryption.org/", kind{"encrypted with age", "decrypt it and drop what is inside"}},
	{"BEGIN:VCARD", kind{"a list of contacts as cards (vCard)", "export the contacts as CSV and drop that"}},
	{"BEGIN:VCALENDAR", kind{"a calendar (iCalendar)", exportAgain}},
	{"PK\x07\x08", kind{"a part of a ZIP file in several parts", "pack it as one and drop that"}},
}

// shown are the kinds that are told by a look at their first lines.
var shown = []struct {
	pattern *regexp.Regexp
	kind
}{
	{regexp.MustCompile(`^BZh[1-9]1AY&SY`), kind{"packed with bzip2", unpackIt}},
	{regexp.MustCompile(`(?s)^ID;P[^\n]*\n[BCEFOPW];|^ID;P(WXL|SCALC|CALCOOO|[A-Z]*;N;E)\b`), kind{"a spreadsheet as text (SYLK, .slk)", saveFromExcel}},
	{regexp.MustCompile(`^TABLE\n0,1\n"`), kind{"a spreadsheet as text (DIF)", saveFromExcel}},
	{regexp.MustCompile(`(?i)^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype html|html|head|meta|body|table|style)\b`), kind{"a web page (HTML), whatever its name ends in", saveFromExcel}},
	{regexp.MustCompile(`(?is)^mime-version:.*multipart/related`), kind{"a web page in one file (MHTML)", saveFromExcel}},
	{regexp.MustCompile(`(?s)^(<\?xml.*)?<\?mso-application progid="Excel|(?s)^<\?xml.{0,600}urn:schemas-microsoft-com:office:spreadsheet`), kind{"an XML spreadsheet of Excel 2003", saveFromExcel}},
	{regexp.MustCompile(`(?s)^<\?xml.{0,600}<office:document\b`), kind{"a flat document of LibreOffice", saveFromExcel}},
	{regexp.MustCompile(`^<\?xml|^<[A-Za-z][\w.:-]*(\s+[\w.:-]+=|>\s*<)`), kind{"XML", exportAgain}},
	{regexp.MustCompile(`(?m)\A(version: ?1\s*|#[^\n]*\n|\s*\n)*(dn|DN)::? ?[^\n]*\n`), kind{"a directory as text (LDIF)", "export the entries as CSV, with one line for each person, and drop that"}},
	{regexp.MustCompile(`(?i)\A(--[^\n]*\n|/\*.*?\*/;?\s*|\s*\n)*(insert into|create table|drop table|set names|begin transaction|pragma)\b`), kind{"a dump of a database (SQL)", exportAgain}},
	{regexp.MustCompile(`\A(--|/\*!)[^\n]*(dump|Dump|SQL)`), kind{"a dump of a database (SQL)", exportAgain}},
}

// kindOf tells the kind of a file that usher does not read by how it begins.
func kindOf(head []byte) (kind, bool) {
	for _, b := range begins {
		if bytes.HasPrefix(head, []byte(b.magic)) {
			return b.kind, true
		}
	}
	switch {
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return kind{"several files in one (tar)", "unpack it and drop each list by itself"}, true
	case isDBF(head):
		return kind{"a table of dBASE (.dbf)", saveFromExcel}, true
	}
	text := head
	switch encoding, n := byteOrderMark(head); encoding {
	case UTF8:
		text = head[n:]
	case UTF16LE, UTF16BE:
		text = bytes.ReplaceAll(head[n:], []byte{0}, nil) // what is looked for is ASCII
	}
	text = bytes.ReplaceAll(bytes.TrimLeft(text, " \t\r\n"), []byte("\r\n"), []byte("\n"))
	for _, s := range shown {
		if s.pattern.Match(text) {
			return s.kind, true
		}
	}
	return kind{}, false
}

// isDBF tells a table of dBASE by its head: a version, a date, and how long head and
// rows are.
func isDBF(head []byte) bool {
	if len(head) < 33 || !bytes.Contains([]byte("\x02\x03\x04\x05\x30\x31\x32\x43\x7b\x83\x8b\x8c\xcb\xf5\xfb"), head[:1]) {
		return false
	}
	month, day := head[2], head[3]
	length, row := int(head[8])|int(head[9])<<8, int(head[10])|int(head[11])<<8
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && row > 1 && length >= 65 && (length%32 == 1 || length%32 == 8) && head[0] != '\t'
}

// documents are the kinds that are told by a part in a ZIP.
var documents = []struct {
	part string
	kind
}{
	{"xl/workbook.bin", kind{"a binary Excel file (.xlsb)", "save it as .xlsx and drop that"}},
	{"word/document.xml", kind{"a Word document", "copy the table from it into a spreadsheet, save that as .xlsx or CSV (UTF-8) and drop it"}},
	{"ppt/presentation.xml", kind{"a PowerPoint file", exportAgain}},
	{"mimetype", kind{"a document of LibreOffice", "save it as CSV or Excel (.xlsx) and drop that"}},
	{"content.xml", kind{"a document of LibreOffice", "save it as CSV or Excel (.xlsx) and drop that"}},
	{"index/document.iwa", kind{"a spreadsheet of Numbers", "export it as CSV or Excel (.xlsx) and drop that"}},
	{"index.zip", kind{"a spreadsheet of Numbers", "export it as CSV or Excel (.xlsx) and drop that"}},
}

// documentIn tells the kind of a document that a ZIP file is.
func documentIn(r *zip.Reader) (kind, bool) {
	for _, d := range documents {
		for _, e := range r.File {
			if name := partName(e.Name); name == d.part && (d.part != "mimetype" || !strings.Contains(e.Name, "/")) {
				return d.kind, true
			}
		}
	}
	return kind{}, false
}
