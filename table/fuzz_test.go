package table

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Whatever encoding/csv reads without an error, the splitter reads the same way;
// whatever it does not, the splitter still reads to the end. However few bytes
// come at once, what is read is the same.
func FuzzSplitter(f *testing.F) {
	for _, s := range []string{"a,b\nc,d\n", "\"a\"\"b\",c\n", "\"a\nb\",c\r\nd,e", "a\rb", "\"open\nx,y\n", "\"a\"x,b\n1,2", ",,\n\n \n", "\"\"\"", "a,\"b", "\"a\n\"b\n\"c\",d\n", "a\r\n\rb\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, clean := splitAll(t, newSplitter(strings.NewReader(s), ','), len(s))
		narrow := newSplitter(strings.NewReader(s), ',')
		narrow.block = make([]byte, 1)
		if again, c := splitAll(t, narrow, len(s)); c != clean || !slices.EqualFunc(got, again, slices.Equal) {
			t.Errorf("%q: read at once %q, byte by byte %q", s, got, again)
		}
		if strings.ContainsAny(s, "\r \t\v\f\u0085\u00a0") || strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return // line ends and blank lines are told differently on purpose
		}
		r := csv.NewReader(strings.NewReader(s))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			return
		}
		want = slices.DeleteFunc(want, func(fields []string) bool { return len(fields) == 1 && strings.TrimSpace(fields[0]) == "" })
		if !clean || !slices.EqualFunc(want, got, slices.Equal) {
			t.Errorf("%q: got %q, encoding/csv says %q", s, got, want)
		}
	})
}

func splitAll(t *testing.T, s *splitter, size int) (got [][]string, clean bool) {
	t.Helper()
	clean = true
	for n := 0; ; n++ {
		if n > 2*size+10 {
			t.Fatal("the splitter does not come to an end")
		}
		row, err := s.next()
		if errors.Is(err, io.EOF) {
			return got, clean
		}
		clean = clean && err == nil
		if err == nil && row.fields != nil {
			got = append(got, row.fields)
		}
	}
}

// Elements of an array and objects that follow one another are found as
// encoding/json finds them; and whatever the text is, reading ends.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`[{"a":1},{"b":"]"}]`, `[]`, `[{"a":"\\"},17,"x,]",[1]]`, "[\r\n{}\r,{}]", `[{"a":1}`, "{\n\"a\": 1\n}\n{\n}", "{\"a\":1}\n\n{\"b\":2}", "{\n{\n}", "{}}\n{", "\ufeff[{}]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range []string{FormatJSONArray, FormatJSONStream, FormatJSONL} {
			got, lines, clean := objectsOf(t, s, format, len(s)+1)
			again, linesAgain, c := objectsOf(t, s, format, 1)
			if c != clean || !slices.Equal(got, again) || !slices.Equal(lines, linesAgain) {
				t.Errorf("%s %q: read at once %q %v, byte by byte %q %v", format, s, got, lines, again, linesAgain)
			}
			var want []json.RawMessage
			if format != FormatJSONArray || json.Unmarshal([]byte(s), &want) != nil || want == nil {
				continue
			}
			if clean != !slices.ContainsFunc(want, func(m json.RawMessage) bool { return m[0] != '{' }) || len(got) != len(want) {
				t.Errorf("%q: got %q (clean %v), encoding/json says %q", s, got, clean, want)
			}
			for i := range min(len(got), len(want)) {
				if strings.TrimSpace(got[i]) != string(want[i]) {
					t.Errorf("%q: element %d is %q, encoding/json says %q", s, i, got[i], want[i])
				}
			}
		}
	})
}

// However records are nested, and however broken the document is, reading ends and
// does not depend on how many bytes come at once; and so does the search for them.
func FuzzNested(f *testing.F) {
	for _, s := range []string{`{"users":[{"email":"a"},{"email":"b"}],"x":[1,{"y":"}"}]}`, `{"users":{"a":{"email":1},"b":{}}}`, "{\"a\":{\r\n\"users\":[{}\r,{}]}}\x1e{}", `{"users":[{"email":"a"}`, `{"us\"ers":`, `[{}],{"users":[]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, at := range []nesting{{documents: true}, {path: []string{"users"}}, {path: []string{"users"}, each: true}, {path: []string{"a", "users"}}, {each: true}} {
			var was []string
			for i, block := range []int{len(s) + 1, 1} {
				j := &jsonObjects{window: newWindow(strings.NewReader(s)), format: FormatJSONArray, at: at}
				j.block = make([]byte, block)
				got, clean := readAll(t, j, len(s))
				if got = append(got, fmt.Sprint(clean)); i == 1 && !slices.Equal(got, was) {
					t.Errorf("%q: read at once %q, byte by byte %q", s, was, got)
				}
				was = got
			}
		}
		if _, rest, begins := strings.Cut(s, "{"); begins {
			look := &shape{jsonObjects: &jsonObjects{window: newWindow(strings.NewReader(rest))}}
			_, _ = look.object(nil) // it ends
		}
	})
}

func readAll(t *testing.T, j *jsonObjects, size int) (got []string, clean bool) {
	t.Helper()
	for n := 0; ; n++ {
		if n > 2*size+10 {
			t.Fatal("reading does not come to an end")
		}
		text, line, err := j.next()
		var whole *FileError
		if errors.Is(err, io.EOF) || errors.As(err, &whole) {
			return got, whole == nil
		}
		got = append(got, fmt.Sprint(text, line, err))
	}
}

// objectsOf reads all objects, also those that are none, with the lines on which
// they begin.
func objectsOf(t *testing.T, s, format string, block int) (got []string, lines []int, clean bool) {
	t.Helper()
	j := &jsonObjects{window: newWindow(strings.NewReader(s)), format: format}
	j.block = make([]byte, block)
	clean = true
	for n := 0; ; n++ {
		if n > 2*len(s)+10 {
			t.Fatal("reading does not come to an end")
		}
		text, line, err := j.next()
		var whole *FileError
		switch {
		case errors.Is(err, io.EOF):
			return got, lines, clean
		case errors.As(err, &whole):
			return got, lines, false
		case err != nil:
			clean = false
		}
		if text != "" {
			got, lines = append(got, text), append(lines, line)
		}
	}
}

// An object has the keys and values that encoding/json finds.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b","c":null,"d":1.5e3,"e":{"f":[1]},"g":true}`, ` {"a":1}`, `{"\u00e4":"\ud83d\ude00"}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, "{\"a\" :\n\"b\" , \"c\":[ ]}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		members, err := readObject(s)
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(s), &want) != nil || want == nil || !strings.HasPrefix(s, "{") {
			if err == nil {
				t.Errorf("%q is taken for an object: %q", s, members)
			}
			return
		}
		if err != nil {
			if !errors.Is(err, errDepth) && !errors.Is(err, errKeys) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if envelope(gjson.Parse(s)) != "" {
			return // its keys stand among the others
		}
		got := map[string]string{}
		for _, m := range members {
			got[strings.ToValidUTF8(m.key, "\ufffd")] = m.value
		}
		text := map[string]string{}
		for k, raw := range want {
			var str string
			switch {
			case string(raw) == "null":
			case raw[0] == '{':
				str = plainValue(gjson.ParseBytes(raw))
			case raw[0] != '"':
				str = plainNumber(string(raw))
			case !utf8.Valid(raw):
				return // a file is UTF-8 before this
			case json.Unmarshal(raw, &str) != nil:
				t.Fatal(string(raw))
			}
			text[k] = str
		}
		if utf8.ValidString(s) && !maps.Equal(got, text) {
			t.Errorf("%q: got %q, encoding/json says %q", s, got, text)
		}
	})
}
