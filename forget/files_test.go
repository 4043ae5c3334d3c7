package forget

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// A file is listed when the person stands in it, however it is written and packed,
// and when that is not known.
func TestNaming(t *testing.T) {
	marks := &Marks{
		IDs: []string{"z-1"}, Emails: []string{"zoe@xn--bcher-kva.example"}, Phones: []string{"+493098765432"}, Names: []string{"zoë quillfeather"},
	}
	const list = "user_id,name,email\nz-1,Zoe,\n"
	pack := func(w func(*bytes.Buffer) interface {
		Write([]byte) (int, error)
		Close() error
	}, content string) string {
		var b bytes.Buffer
		z := w(&b)
		if _, err := z.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	type packer = interface {
		Write([]byte) (int, error)
		Close() error
	}
	gz := func(s string) string { return pack(func(b *bytes.Buffer) packer { return gzip.NewWriter(b) }, s) }
	zst := func(s string) string {
		return pack(func(b *bytes.Buffer) packer {
			w, err := zstd.NewWriter(b)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}, s)
	}
	zipped := func(s string, flags uint16) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.CreateHeader(&zip.FileHeader{Name: "list.csv", Method: zip.Deflate, Flags: flags})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	book := func(cell any) string {
		f := excelize.NewFile()
		if err := f.SetCellValue("Sheet1", "B2", cell); err != nil {
			t.Fatal(err)
		}
		b, err := f.WriteToBuffer()
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	latin, err := charmap.Windows1252.NewEncoder().String("name\nZoë;Quillfeather\n")
	if err != nil {
		t.Fatal(err)
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("email\nZoe@bücher.example\n")
	if err != nil {
		t.Fatal(err)
	}
	encode := func(order unicode.Endianness, text string) string {
		s, err := unicode.UTF16(order, unicode.IgnoreBOM).NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// The titles show the encoding; further on no other byte is zero.
	const titles = "user_id,name,email,street,house_number,postal_code,city,country,department,cost_centre,supervisor,room\n"
	greek := titles + strings.Repeat("Ζωή Παπαδοπούλου\n", 20) + "z-1\n"
	long := strings.Repeat(`{"email":"somebody@example.org"},`, 20000)
	for name, test := range map[string]struct{ content, why string }{
		"nobody":                {"user_id,email\nz-11,zoe@example.org\n", ""},
		"another address":       {"email\nphloe-zoe@bücher.example\nzoe@bücher.example.org\n", ""},
		"a longer id":           {"user_id\naz-1\nz-1.b\n", ""},
		"another number":        {"phone\n+49309876543\n+493098765432 1\n", ""},
		"a first name":          {"name\nZoë\n", ""},
		"user id":               {list, "has the person's user id"},
		"address":               {"email\n<Zoe@BÜCHER.example>\n", "has the person's e-mail address"},
		"number without code":   {"phone\n(030) 987-65432\n", "has the person's phone number"},
		"number with zeros":     {"phone\n0049 30 98765432\n", "has the person's phone number"},
		"name in two columns":   {"first,last\nZoë,QUILLFEATHER\n", "has the person's name"},
		"name in two forms":     {"name\nZoe\u0308 Quillfeather\n", "has the person's name"},
		"JSON escapes":          {`[{"name":"Zo\u00eb Quillfeather"}]`, "has the person's name"},
		"Windows-1252":          {latin, "has the person's name"},
		"UTF-16":                {wide, "has the person's e-mail address"},
		"UTF-16LE, Greek":       {encode(unicode.LittleEndian, greek), "has the person's user id"}, // issue 15
		"UTF-16BE, Greek":       {encode(unicode.BigEndian, greek), "has the person's user id"},    // issue 15
		"UTF-16, unseen":        {encode(unicode.LittleEndian, strings.Repeat("Ζωή\n", 300)+"z-1\n"), "has the person's user id"},
		"UTF-16BE, unseen":      {encode(unicode.BigEndian, strings.Repeat("Παπαδοπούλου\n", 9000)+"Zoë Quillfeather\n"), "has the person's name"},
		"UTF-16 of another":     {encode(unicode.LittleEndian, titles+"z-11\n"), ""},
		"UTF-8, one broken":     {"name\nZoë Quillfeather;Jos\xe9\n", "has the person's name"}, // issue 15
		"a mark, then the id":   {"\ufeffz-1\n", "has the person's user id"},
		"gzip":                  {gz(list), "has the person's user id"},
		"gzip of nobody":        {gz("user_id\nz-2\n"), ""},
		"zstd":                  {zst(list), "has the person's user id"},
		"zip":                   {zipped(list, 0), "has the person's user id"},
		"zip of nobody":         {zipped("user_id\nz-2\n", 0), ""},
		"zip in zstd":           {zst(zipped(list, 0)), "has the person's user id"},
		"Excel":                 {book("Zoe@bücher.example"), "has the person's e-mail address"},
		"Excel, a figure":       {book(493098765432), "has the person's phone number"},
		"Excel of nobody":       {book("zoe@example.org"), ""},
		"one long line":         {"[" + long + `{"user_id":"z-1"}]`, "has the person's user id"},
		"a line without values": {strings.Repeat("x", 300000), ""},
		"gzip, cut":             {gz(long)[:60], "cannot be searched: it was cut off"},
		"gzip, broken":          {"\x1f\x8b" + strings.Repeat("x", 50), "cannot be searched: it is damaged"},
		"zip with a password":   {zipped(list, 1), "cannot be searched: it has a password"},
		"old Excel":             {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "cannot be searched: it is an old Excel file or one with a password"},
		"packed too often":      {gz(gz(gz(gz(gz(list))))), "cannot be searched: files are packed in one another"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if why, err := naming(t.Context(), file, marks); err != nil || why != test.why {
				t.Errorf("%q, %v, want %q", why, err, test.why)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "3MZeEYKNy5vb1YAWVtzfeWf6tT2-zoe@bücher.example.csv.gz")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if why, err := naming(t.Context(), file, marks); err != nil || why == "" {
		t.Errorf("a name of a file: %q, %v", why, err)
	}
}
