package ingest

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher/event"
)

// Whatever encoding/csv reads without an error, the splitter reads the same way;
// whatever it does not, the splitter still reads to the end.
func FuzzSplitter(f *testing.F) {
	for _, s := range []string{"a,b\nc,d\n", "\"a\"\"b\",c\n", "\"a\nb\",c\r\nd,e", "a\rb", "\"open\nx,y\n", "\"a\"x,b\n1,2", ",,\n\n \n", "\"\"\"", "a,\"b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got [][]string
		clean := true
		sp := newSplitter(strings.NewReader(s), ',')
		for n := 0; ; n++ {
			if n > 2*len(s)+10 {
				t.Fatal("the splitter does not come to an end")
			}
			row, err := sp.next()
			fields := row.fields
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				clean = false
				continue
			}
			if fields != nil {
				got = append(got, fields)
			}
		}
		if strings.ContainsAny(s, "\r") || strings.Contains(s, " ") || strings.Contains(s, "\t") || strings.Contains(s, "\v") || strings.Contains(s, "\f") || strings.ContainsRune(s, '\u0085') || strings.ContainsRune(s, '\u00a0') {
			return // line ends and blank lines are told differently on purpose
		}
		r := csv.NewReader(strings.NewReader(s))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			return
		}
		want = slices.DeleteFunc(want, func(fields []string) bool { return len(fields) == 1 && strings.TrimSpace(fields[0]) == "" })
		got = slices.DeleteFunc(got, func(fields []string) bool { return len(fields) == 1 && strings.TrimSpace(fields[0]) == "" })
		if !clean || !slices.EqualFunc(want, got, slices.Equal) {
			t.Errorf("%q: got %q, encoding/csv says %q", s, got, want)
		}
	})
}

// No file makes the importer panic or lose count: every row is published,
// refused or blank.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"email\na@example.org\n", "user_id;phone\nu 1;+49301234567\n", `{"email":"a@b.de"}`, "\xff\xfee\x00m\x00", "email,_escaped\n'=x,0\n", "a\x00b", "email\n\"x\n", "sep=;\nemail;x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
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
	})
}

// An address that is taken survives being taken again, and never breaks a line.
func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"a@example.org", "Ä@münchen.de", "a@b", "@", "a@b@c.de", "a\r\n@b.de", ".a@b.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseEmail(s)
		if err != nil {
			return
		}
		if again, err := parseEmail(got); err != nil || again != got {
			t.Errorf("%q becomes %q, and that %q (%v)", s, got, again, err)
		}
		if strings.ContainsAny(got, "\r\n\x00 <>,;\"") {
			t.Errorf("%q is taken as %q", s, got)
		}
	})
}
