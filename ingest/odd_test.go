package ingest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// What is nothing once accents, marks and wrapping are taken off is nothing: in a title, in
// a cell, in JSON. Fuzzing found a title that was an accent alone, and ended the check of
// its list; a title that is a colored sign, such as a telephone, was one too.
func TestOddTitlesAndCells(t *testing.T) {
	odd := []string{
		"\u0355", "\ufe0f", "\u260e\ufe0f", "\u20e3", "\u200b", "\u00ad", "\u202a", "'", `"`, `""`, `=""`, `=""""`, `="'"`, "mailto:", "mailto:?subject=x", "tel:", "#EXT#@", "_#EXT#@x", "[]", "[[]]",
		"{}", `[""]`, `{"":""}`, "<>", "<b></b>", ";", ":", "::", "?", "??", "#", "+", "-", "$", "{", "[", ".", "@", "\x1e", "\ufeff", "0", "''", "=", "()", "|",
	}
	columns := []string{"user_id", "email", "name", "phone", "locale", "note"}
	for _, o := range odd {
		quoted := `"` + strings.ReplaceAll(o, `"`, `""`) + `"`
		checkBytes(t, []byte(quoted+",email\nx,ann@example.org\n"))
		checkBytes(t, []byte("email,"+quoted+"\nann@example.org,x\n"))
		checkBytes(t, fmt.Appendf(nil, "email;%s;%s\nann@example.org;1;2\nben@example.org;3;4\n", quoted, quoted))
		checkBytes(t, fmt.Appendf(nil, "[{%q:\"x\",\"email\":\"ann@example.org\"}]", o))
		for _, c := range columns {
			checkBytes(t, fmt.Appendf(nil, "%s,email\n%s,ann@example.org\nx,ben@example.org\n", c, quoted))
			checkBytes(t, fmt.Appendf(nil, "%s\n%s\n%s\nx\n", c, quoted, quoted))
			checkBytes(t, fmt.Appendf(nil, "[{%q:%q,\"id\":\"1\"},{%q:[%q]}]", c, o, c, o))
		}
	}
}

// A damaged archive is refused, wherever its directory points. Fuzzing found one that
// pointed before its beginning: that read like a trouble of the disk, which is waited for.
func TestDamagedDirectories(t *testing.T) {
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("f.csv")
	if err == nil {
		_, err = w.Write([]byte("email\nann@example.org\n"))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	book := excelize.NewFile()
	if err := book.SetSheetCol("Sheet1", "A1", &[]any{"email", "ann@example.org"}); err != nil {
		t.Fatal(err)
	}
	workbook, err := book.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	for name, whole := range map[string][]byte{"zip": packed.Bytes(), "xlsx": workbook.Bytes()} {
		for at := len(whole) - 90; at < len(whole); at++ { // the end of the directory, and what tells where it is
			for _, flip := range []byte{1, 'O', 0x80, 0xff} {
				b := bytes.Clone(whole)
				b[at] ^= flip
				if r := checkBytes(t, b); r.Code == "" && r.Published != 1 {
					t.Errorf("%s with %#x at %d from the end: %s", name, flip, len(whole)-at, r.Text())
				}
			}
		}
	}
}
