package table

import (
	"fmt"
	"strings"
)

// delimiters are tried in this order.
const delimiters = ",;\t|"

// consistentWithin is how many records are looked at when the header alone does
// not tell the delimiter.
const consistentWithin = 100

// findDelimiter takes the delimiter under which the header has the most columns
// that usher knows; among equals, the one under which the rows fit the header.
func (t *File) findDelimiter(w *window, header string) error {
	most, best := 0, []byte(nil)
	for _, d := range []byte(delimiters) {
		fields, err := split(header, d)
		if err != nil {
			continue
		}
		known := 0
		for _, h := range fields {
			if canonical(h) != columnAttribute || h == colRaw {
				known++
			}
		}
		if known > most {
			most, best = known, nil
		}
		if known == most {
			best = append(best, d)
		}
	}
	if most == 0 {
		if strings.Contains(header, "@") {
			return Unusable("E_HEADER", "the first line is a user and not the names of the columns; put a line such as email,name above it")
		}
		return Unusable("E_HEADER", "the first line names no column that usher knows, whether its columns are divided by comma, semicolon, tab or |; name them %s", strings.Join(columnNames[:FirstName], ", "))
	}
	t.Delimiter = best[0]
	if len(best) > 1 {
		t.Delimiter = mostConsistent(w.rest(), best)
	}
	t.Why += fmt.Sprintf("; divided by %q the first line names %d known columns", t.Delimiter, most)
	return nil
}

// mostConsistent is the delimiter under which most of the first records have as
// many fields as the header; a delimiter that never occurs fits only when none
// does.
func mostConsistent(text string, candidates []byte) byte {
	best, fits := candidates[0], -1
	for _, d := range candidates {
		s := newSplitter(strings.NewReader(text), d)
		header, err := s.next()
		if err != nil {
			continue
		}
		n := 0
		for range consistentWithin {
			r, err := s.next()
			if err != nil {
				break
			}
			if len(r.fields) == len(header.fields) {
				n++
				if len(header.fields) > 1 {
					n++
				}
			}
		}
		if n > fits {
			best, fits = d, n
		}
	}
	return best
}

// sepLine reads Excel's first line "sep=;".
func sepLine(l string) (byte, bool) {
	l = strings.Trim(strings.TrimPrefix(l, "\ufeff"), `"`)
	if len(l) != 5 || !strings.EqualFold(l[:4], "sep=") {
		return 0, false
	}
	d := l[4]
	return d, d == '\t' || d > ' ' && d < 0x7f && d != '"' && (d < '0' || d > '9') && (d|0x20 < 'a' || d|0x20 > 'z')
}
