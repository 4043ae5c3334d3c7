package table

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestFormatsGiveZerosAndAPlusAndNothingElse(t *testing.T) {
	for _, tc := range []struct{ code, stored, want string }{
		{"General", "42", "42"}, {"0.00", "491701234567", "491701234567"}, {"#,##0", "1001", "1001"}, {"# ##0", "491701234567", "491701234567"},
		{"000000", "42", "000042"}, {"00 00 00 00 00", "102030405", "0102030405"}, {`"+"0`, "4915112345671", "+4915112345671"}, {`+00 000 0000000`, "491701234567", "+491701234567"},
		{`"+49 "0`, "15112345671", "+4915112345671"}, {`"00"0`, "4915112345671", "004915112345671"}, {`\+0`, "49", "+49"}, {`"ID-"0000`, "7", "0007"}, {"0%", "0.5", "0.5"},
		{"[<=9999999]###-####;(###) ###-####", "4155550121", "4155550121"}, {"0.00E+00", "4.155550121E9", "4155550121"}, {`#,##0.00 "€";[Red]-#,##0.00 "€"`, "-7", "-7"},
		{"dd/mm/yyyy", "46354", "2026-11-28"}, {"yyyy-mm-dd hh:mm", "46354.4201388889", "2026-11-28 10:05:00"}, {"hh:mm", "0.5", "12:00:00"}, {"mmm", "46354", "2026-11-28"}, {"mm:ss", "0.25", "06:00:00"},
		{"[h]:mm", "30", "30"}, {"dd.mm.yyyy", "1", "1900-01-01"}, {"dd.mm.yyyy", "491701234567", "491701234567"},
		{"0", "1234567890123450000", "1.23456789012345E+18"}, {"0", "4915112345671234", "4915112345671234"}, {"0", "1.23456789012345E+18", "1.23456789012345E+18"}, {"0", "1001.0", "1001"}, {"0", "0.1", "0.1"}, {"0", "no number", "no number"},
	} {
		if got := parseFormat(tc.code).text(tc.stored, false); got != tc.want {
			t.Errorf("%s in the format %s is %q, want %q", tc.stored, tc.code, got, tc.want)
		}
	}
	if got := formatOf("14", nil).text("44892", true); got != "2026-11-28" {
		t.Errorf("counted from 1904: %s", got)
	}
}

func TestManyTextsLieOnTheDisk(t *testing.T) {
	all := texts{tmp: t.TempDir()}
	defer all.close()
	long := strings.Repeat("x", 1<<20)
	for i := range 40 {
		if err := all.add([]byte(long[:1<<20-i])); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		if got, err := all.text(i); err != nil || got != long[:1<<20-i] {
			t.Errorf("text %d has %d bytes: %v", i, len(got), err)
		}
	}
	if all.disk == nil || len(all.held) >= maxInMemory {
		t.Errorf("%d bytes are in memory", len(all.held))
	}
	if _, err := all.text(40); !errors.Is(err, errNoText) {
		t.Error(err)
	}
}

const sheetParts = `<Relationships><Relationship Id="rId1" Type="x/officeDocument" Target="b.xml"/></Relationships>` + "\x00" +
	`<workbook date1904="0"><sheets><sheet name="A" id="rId1"/></sheets><calcPr fullCalcOnLoad="1"/></workbook>` + "\x00" +
	`<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="s.xml"/><Relationship Id="rId2" Type="x/sharedStrings" Target="t.xml"/><Relationship Id="rId3" Type="x/styles" Target="f.xml"/></Relationships>` + "\x00" +
	`<sst><si><t>email</t></si><si><r><t>a@x</t></r><r><t>.org</t></r><rPh><t>no</t></rPh></si></sst>`

// However a sheet is broken, reading it ends, with rows or with the error of a file.
func FuzzSheet(f *testing.F) {
	for _, sheet := range []string{
		`<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c t="inlineStr"><is><t>phone</t></is></c></row><row r="3" hidden="1"><c t="s"><v>1</v></c><c s="1"><v>4.9E11</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B9"/></mergeCells><hyperlinks><hyperlink ref="A3" r:id="rId1"/></hyperlinks></worksheet>`,
		`<worksheet><sheetData><row><c t="s"><v>0</v></c></row><row><c><f>A1</f></c></row><row r="1048576"><c r="XFD1048576" t="b"><v>1</v></c></row></sheetData></worksheet>`,
		`<worksheet><sheetData><row><c t="s"><v>99</v></c></row></sheetData>`, `<x:worksheet><x:sheetData/></x:worksheet>`, `<worksheet><sheetData><row r="2"/><row r="1"/></sheetData></worksheet>`,
	} {
		f.Add(sheet, `<styleSheet><numFmts><numFmt numFmtId="170" formatCode="&quot;+&quot;0"/></numFmts><cellXfs><xf/><xf numFmtId="170"/></cellXfs></styleSheet>`)
	}
	f.Fuzz(func(t *testing.T, sheet, styles string) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		given := strings.Split(sheetParts, "\x00")
		for name, text := range map[string]string{"_rels/.rels": given[0], "b.xml": given[1], "_rels/b.xml.rels": given[2], "t.xml": given[3], "s.xml": sheet, "f.xml": styles} {
			w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err == nil {
				_, err = io.WriteString(w, text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if !isWorkbook(r) {
			t.Fatal("it is not taken for a workbook")
		}
		var whole *FileError
		book, err := openWorkbook(t.Context(), r, int64(b.Len()), t.TempDir())
		if err != nil {
			if !errors.As(err, &whole) {
				t.Fatal(err)
			}
			return
		}
		defer book.close()
		var w Warnings
		c, err := chooseSheet(book, Known{}, &w)
		if err != nil {
			if !errors.As(err, &whole) {
				t.Fatal(err)
			}
			return
		}
		s, err := openSheet(book, c.sheet, c.layout)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		for last := 0; ; last++ {
			row, err := s.read()
			if errors.As(err, &whole) || errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if row.Line != last+1 || row.Line > maxSheetRow || len(row.cells) > maxColumns || slices.ContainsFunc(row.cells, func(c string) bool { return len(c) > 2*maxToken }) {
				t.Fatalf("row %d follows row %d, with %d cells", row.Line, last, len(row.cells))
			}
		}
	})
}
