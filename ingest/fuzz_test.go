package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xuri/excelize/v2"

	"usher/event"
	"usher/table"
)

// checkBytes checks a file and holds the report against what every report must
// say: every row is published, refused or blank.
func checkBytes(t *testing.T, b []byte) Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.csv")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Check(t.Context(), path, Inbox{Source: "inbox", Region: "DE"}, event.Key("a key for these tests"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code == "" && r.Published+r.Refused != r.Rows {
		t.Errorf("%d rows, %d published, %d refused", r.Rows, r.Published, r.Refused)
	}
	if r.Next == "" || r.SHA256 == "" {
		t.Errorf("the report says too little: %+v", r)
	}
	if r.Code != "" && !slices.Contains(FileCodes, r.Code) {
		t.Errorf("the code %s is not in the list", r.Code)
	}
	for code := range r.Errors {
		if !slices.Contains(RowCodes, code) {
			t.Errorf("the code %s is not in the list", code)
		}
	}
	return r
}

// No file makes the importer panic or lose count.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"email\na@example.org\n", "user_id;phone\nu 1;+49301234567\n", `{"email":"a@b.de"}`, `[{"email":"a@b.de"},1]`, "\xff\xfee\x00m\x00", `{"users":[{"email":"a@b.de"}]}`, `{"1":{"email":"a@b.de"}}`, "email\tname\na@b.de\t\"A\" B\n", "email,name\nB,\"\\\"b\\\"\"\nname,email\n\nend of it", "x\nname,email\n1,a,a@b.de\n", "email,_escaped\n'=x,0\n", "a\x00b", "email\n\"x\n", "sep=;\nemail;x\n", "email,_raw\n,\"{\"\"email\"\":\"\"a@b.de\"\"}\"\n", "email\n\xff@b.de\na@b.de\na@b.de\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkBytes(t, b) })
}

// A packed file says the same as what is in it; a damaged one is refused.
func FuzzUnpack(f *testing.F) {
	for _, packed := range []string{table.Gzip, table.Zstd, table.Zip} {
		for _, s := range []string{"email\na@example.org\n", `{"email":"a@b.de"}`, "\xfe\xff\x00e", "\u0355"} {
			f.Add(packed, []byte(s), uint(0), byte(0))
			f.Add(packed, []byte(s), uint(20), byte(0xff))
			f.Add(packed, []byte(s), uint(128), byte('O'))
		}
	}
	f.Fuzz(func(t *testing.T, packed string, b []byte, at uint, flip byte) {
		var out bytes.Buffer
		switch packed {
		case table.Gzip:
			z := gzip.NewWriter(&out)
			_, err := z.Write(b)
			if err = errors.Join(err, z.Close()); err != nil {
				t.Fatal(err)
			}
		case table.Zstd:
			z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			_, err = z.Write(b)
			if err = errors.Join(err, z.Close()); err != nil {
				t.Fatal(err)
			}
		case table.Zip:
			z := zip.NewWriter(&out)
			w, err := z.Create("f.csv")
			if err == nil {
				_, err = w.Write(b)
			}
			if err = errors.Join(err, z.Close()); err != nil {
				t.Fatal(err)
			}
		default:
			return
		}
		whole := out.Bytes()
		if flip != 0 && len(whole) > 0 {
			whole[at%uint(len(whole))] ^= flip
			checkBytes(t, whole)
			return
		}
		if found(t, b).Packed != "" || found(t, b).Format == table.FormatXLSX || len(b) == 0 {
			checkBytes(t, whole)
			return
		}
		got, want := checkBytes(t, whole), checkBytes(t, b)
		if got.Code != want.Code || got.Rows != want.Rows || got.Published != want.Published || !maps.Equal(got.Errors, want.Errors) {
			t.Errorf("packed: %s; as it is: %s", got.Text(), want.Text())
		}
	})
}

// No sheet makes the importer panic or lose count, however it is broken.
func FuzzWorkbook(f *testing.F) {
	book := excelize.NewFile()
	for at, v := range map[string]any{"A1": "email", "B1": "phone", "A2": "a@example.org", "B2": 491701234567, "A3": "b@example.org", "B4": 4.5e30} {
		if err := book.SetCellValue("Sheet1", at, v); err != nil {
			f.Fatal(err)
		}
	}
	if err := book.SetCellFormula("Sheet1", "C2", "A2"); err != nil {
		f.Fatal(err)
	}
	template, err := book.WriteToBuffer()
	if err != nil {
		f.Fatal(err)
	}
	parts := map[string][]byte{}
	r, err := zip.NewReader(bytes.NewReader(template.Bytes()), int64(template.Len()))
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range r.File {
		rc, err := e.Open()
		if err != nil {
			f.Fatal(err)
		}
		if parts[e.Name], err = io.ReadAll(rc); err != nil {
			f.Fatal(err)
		}
	}
	const sheet, texts, styles, workbook = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"
	f.Add(parts[sheet], parts[texts], parts[styles], parts[workbook])
	f.Add([]byte(`<worksheet><sheetData><row r="1048576"><c r="XFD1048576" t="s"><v>99</v></c></row></sheetData></worksheet>`), parts[texts], parts[styles], parts[workbook])
	f.Add([]byte(`<worksheet><sheetData><row><c t="inlineStr"><is><t>email</t></is></c></row><row><c s="-1"><v>1E+11</v></c></row>`), parts[texts], parts[styles], parts[workbook])
	f.Fuzz(func(t *testing.T, sheetXML, textsXML, stylesXML, workbookXML []byte) {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			data := parts[name]
			switch name {
			case sheet:
				data = sheetXML
			case texts:
				data = textsXML
			case styles:
				data = stylesXML
			case workbook:
				data = workbookXML
			}
			w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err == nil {
				_, err = w.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		checkBytes(t, out.Bytes())
	})
}

// Text in another encoding says the same as in UTF-8.
func FuzzEncoding(f *testing.F) {
	for _, s := range []string{"email,name\na@example.org,Zoë\n", "e", "email\n\U0001f600@b.de\n"} {
		f.Add(s, true, false)
		f.Add(s, false, true)
	}
	f.Fuzz(func(t *testing.T, s string, big, mark bool) {
		s = strings.ReplaceAll(strings.TrimPrefix(strings.ToValidUTF8(s, ""), "\ufeff"), "\x00", "")
		if s == "" || !mark && found(t, toUTF16("email,"+s, true)).Encoding != table.UTF16BE {
			return
		}
		s = "email," + s
		b := toUTF16(s, big)
		if mark {
			b = append(toUTF16("\ufeff", big), b...)
		}
		got, want := checkBytes(t, b), checkBytes(t, []byte(s))
		if got.Code != want.Code || got.Rows != want.Rows || got.Published != want.Published || !maps.Equal(got.Errors, want.Errors) {
			t.Errorf("%q in UTF-16: %s; as it is: %s", s, got.Text(), want.Text())
		}
	})
}

// found is what the bytes are, as far as that can be told.
func found(t *testing.T, b []byte) table.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, _ := table.Inspect(t.Context(), f, t.TempDir(), table.Known{})
	return n
}

func toUTF16(s string, big bool) []byte {
	encoding := table.UTF16LE
	if big {
		encoding = table.UTF16BE
	}
	return encodeFor(encoding, s)
}

// An address that is taken survives being taken again, and never breaks a line;
// and the fast way says what the slow one says.
func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"a@example.org", "Ä@münchen.de", "a@b", "@", "a@b@c.de", "a\r\n@b.de", ".a@b.de", "a+b_c@x-y.example", "a@xn--x.de", "a@1.2", "a@b-.de", "a@b.c-", "a@b.de.", "a@b..de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once := event.NormalizeEmail(s); event.NormalizeEmail(once) != once {
			t.Errorf("%q becomes %q, and that %q", s, once, event.NormalizeEmail(once))
		}
		got, err := parseEmail(s)
		if slow, slowErr := parseAnyEmail(s); slow != got || (err == nil) != (slowErr == nil) {
			t.Errorf("%q: the fast way says %q (%v), the slow one %q (%v)", s, got, err, slow, slowErr)
		}
		if err != nil {
			return
		}
		if again, err := parseEmail(got); err != nil || again != got {
			t.Errorf("%q becomes %q, and that %q (%v)", s, got, again, err)
		}
		if other := event.NormalizeEmail(s); other != got {
			t.Errorf("%q is taken as %q from a list, and as %q everywhere else", s, got, other)
		}
		if strings.ContainsAny(got, "\r\n\x00 <>,;\"") {
			t.Errorf("%q is taken as %q", s, got)
		}
	})
}

// A number that is taken survives being taken again; and the fast way says what
// the library says.
func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"+4930123456", "+49 (0)30 123456", "+1 650-253-0000", "+390612345678", "+7 8 495 1234567", "+5491123456789", "+5215512345678", "+800 1234 5678", "+999123456", "+44.20.7946.0018", "+492", "0170 1234567", "+4900"} {
		f.Add(s, "DE")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, s, region string) { samePhone(t, s, region) })
}

func samePhone(t *testing.T, s, region string) {
	t.Helper()
	got, err := parsePhone(s, region)
	if len(s) > maxPhone {
		return
	}
	if slow, slowErr := parseAnyPhone(s, region); slow != got || (err == nil) != (slowErr == nil) {
		t.Errorf("%q in %q: the fast way says %q (%v), the library %q (%v)", s, region, got, err, slow, slowErr)
	}
	if err != nil {
		return
	}
	if again, err := parsePhone(got, region); err != nil || again != got {
		t.Errorf("%q in %q becomes %q, and that %q (%v)", s, region, got, again, err)
	}
}

// What the encoder writes is what encoding/json reads.
func FuzzAppendUser(f *testing.F) {
	f.Add("u-1", "Zoë \"Z\"\n\\", "Zoë\u2029", "\x00<O'Hara>", "a@example.org", "+49", "de", "note\t", "\x00\u2028<&>\xff", 7)
	f.Fuzz(func(t *testing.T, id, name, given, family, email, phone, locale, key, value string, record int) {
		from := event.Import{ID: id, File: name, Record: record, Line: -record, UploadedBy: given}
		u := user{id: id, name: name, given: given, family: family, email: email, phone: phone, locale: locale, attrs: []table.Attribute{{Name: key, Value: value}, {Name: key + "x"}}}
		want := event.User{UserID: id, Name: name, GivenName: given, FamilyName: family, Email: email, Phone: phone, Locale: locale, Attributes: map[string]string{key: value, key + "x": ""}, Import: from}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got event.User
		want = event.User{}
		if err := errors.Join(json.Unmarshal(b, &want), json.Unmarshal(appendUser(nil, u, from), &got)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-encoding/json +usher)\n%s", d)
		}
	})
}
