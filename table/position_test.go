package table

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Reading that goes on behind any record finds the same rest, with the same
// numbers and lines, as reading from the beginning.
func TestReadingGoesOnBehindAnyRecord(t *testing.T) {
	csv := "user_id,email,note\nu-1,a@x.org,plain\r\n\r\n\nu-2,b@x.org,\"two\nlines, \"\"quoted\"\"\"\nu-3,\"never closed\nu-4,d@x.org,ü\n,,\n" +
		"u-5,e@x.org," + strings.Repeat("long ", 100) + "\nu-6,f@x.org,x,too many\n" + strings.Repeat("y", maxLine+10) + "\nu-7,g@x.org,last without an end"
	lines := "{\"email\":\"a@x.org\"}\n\n{\"email\":\"b@x.org\"}\r\n{broken\n{\"email\":\"c@x.org\",\"o\":{\"a\":[1,2]}}"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(csv)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	var u16 []byte
	for _, c := range "\ufeffemail,name\r\na@x.org,Zoë\r\nb@x.org,\"Zoë\nB\"\r\n" {
		u16 = append(u16, byte(c), byte(c>>8))
	}
	for name, tc := range map[string]struct {
		content string
		seeks   bool
	}{
		"csv": {csv, true}, "bom": {"\ufeff" + csv, true}, "sep": {"sep=,\n" + csv, true}, "cr": {strings.ReplaceAll(csv[:80], "\n", "\r") + "\r", true},
		"blocks": {"email,note\n" + strings.Repeat("a@x.org,"+strings.Repeat("z", 1000)+"\n", 600), true}, // more than one block
		"turned": {"email,name\na@x.org,A\nname,email\nB,b@x.org\nC,c@x.org\nemail,name\nd@x.org,D\n\nMade by hand\nOn a Sunday\n", true},
		"short":  {"version:v1.0\nname,email\n1,A,a@x.org\n2,B,b@x.org\n3,\"C\\\"\",c@x.org\n", true},
		"drawn":  {"email|name\n-----+-----\na@x.org|A\n---|---\nb@x.org|B\n(2 rows)\n", true},
		"jsonl":  {lines, true}, "gzip": {packed.String(), false}, "utf-16": {string(u16), false}, "windows-1252": {"email,name\na@x.org,Zo\xeb\nb@x.org,B\n", false},
		"array": {`[{"email":"a@x.org"},{"email":"b@x.org"}]`, false}, "stream": {"{\n\"email\":\"a@x.org\"\n}\n{\n\"email\":\"b@x.org\"}", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			n, err := Inspect(t.Context(), f, t.TempDir(), Known{})
			if err != nil {
				t.Fatal(err)
			}
			if n.seekable() != tc.seeks {
				t.Errorf("seekable: %v", n.seekable())
			}
			read := func(from Position) (rows []string, ends []Position) {
				rs, err := n.OpenAt(t.Context(), f, from)
				if err != nil {
					t.Fatal(err)
				}
				defer rs.Close()
				for {
					rw, err := rs.Next()
					if errors.Is(err, io.EOF) {
						return rows, ends
					}
					if err != nil {
						t.Fatal(err)
					}
					rows, ends = append(rows, fmt.Sprint(rw.Number, rw.Line, rw.cells, rw.object, rw.cut, rw.bad != nil)), append(ends, rw.End)
				}
			}
			all, ends := read(Position{})
			if len(all) < 2 {
				t.Fatalf("only %d rows", len(all))
			}
			for k, end := range ends {
				if (end.Offset > 0) != tc.seeks || end.Record != k+1 {
					t.Errorf("record %d ends at %+v", k+1, end)
				}
				if len(all) > 100 && k%50 != 0 {
					continue
				}
				rest, restEnds := read(end)
				if d := cmp.Diff(all[k+1:], rest); d != "" && len(all[k+1:])+len(rest) > 0 {
					t.Fatalf("behind record %d (-want +got)\n%.2000s", k+1, d)
				}
				if d := cmp.Diff(ends[k+1:], restEnds); d != "" && len(rest) > 0 {
					t.Fatalf("ends behind record %d (-want +got)\n%.2000s", k+1, d)
				}
			}
		})
	}
}
