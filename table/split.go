package table

import (
	"errors"
	"io"
	"strings"
)

// Caps that keep one bad place from costing the file or the memory.
const (
	maxLine    = 1 << 20  // bytes of a physical line, or of one JSON object
	maxRecord  = 64 << 10 // bytes of a CSV record with line breaks inside quotes
	maxColumns = 512
)

var (
	errQuote   = errors.New("a quote is not closed, or stands in the middle of a field")
	errLong    = errors.New("the line is too long")
	errColumns = errors.New("the line has more than 512 columns")
)

// splitter reads CSV (RFC 4180 with any delimiter, and LF, CRLF or CR line ends).
// A quote that is never closed costs the line that it is on: reading goes on
// with the next one.
type splitter struct {
	*window
	delim  byte
	quotes quoting
	fields []string // room for fields of records to come
	seen   seen
}

// quoting is how the fields of a file are written when they hold quotes or the
// delimiter.
type quoting struct {
	none      bool // quotes mean nothing
	pairs     bool // none, and yet each quote is doubled, as readr does
	backslash bool // one before a quote makes it part of the field
	keep      bool // and stays in the field itself, as PHP does
}

// seen counts what tells how a file is written.
type seen struct {
	fits     int // records with as many fields as the titles
	enclosed int // fields in quotes
	broken   int // records in which quotes are not closed, or text follows them
	escaped  int // quotes with a backslash before them
	doubled  int // quotes that are written twice within quotes
	pairs    int // and without quotes around them
}

func newSplitter(r io.Reader, delim byte) *splitter {
	return &splitter{window: newWindow(r), delim: delim}
}

// csvRow is one CSV record.
type csvRow struct {
	fields []string // none when the line is blank
	line   int      // on which it begins
	raw    string   // its first line as it stands
	cut    bool     // the file ends within it, without a line end
}

// next returns the next record. The error is io.EOF at the end, one of the
// reader, or errQuote, errLong and errColumns, after which the next record can
// be read.
func (s *splitter) next() (row csvRow, err error) {
	text, end, cut, err := s.lineAt(0, maxLine)
	row = csvRow{line: s.line + 1, raw: text, cut: cut}
	switch {
	case errors.Is(err, errLong):
		if row.raw, err = s.skipLine(); err == nil {
			err = errLong
		}
		return row, err
	case err != nil:
		return row, err
	}
	if s.quotes.none || strings.IndexByte(text, '"') < 0 && (!s.quotes.backslash || strings.IndexByte(text, '\\') < 0) { // nearly every line
		if strings.TrimSpace(text) != "" {
			row.fields, err = s.plain(text)
		}
		s.pass(end, 1)
		if s.quotes.pairs {
			for i, f := range row.fields {
				row.fields[i] = withoutPairs(f)
			}
		}
		return row, err
	}
	q := quoted{delim: s.delim, quoting: s.quotes, seen: &s.seen}
	first := end
	for lines := 1; ; lines++ {
		if err := q.feed(text); err != nil || !q.open {
			if err != nil {
				end, lines, cut = first, 1, false // what follows may be good
				s.lf = -1
				s.seen.broken++
			}
			s.pass(end, lines)
			row.fields, row.cut = q.fields, cut
			if len(row.fields) == 1 && strings.TrimSpace(row.fields[0]) == "" {
				row.fields = nil
			}
			return row, err
		}
		q.part = append(q.part, '\n')
		var next int
		text, next, cut, err = s.lineAt(end, maxRecord-end)
		if errors.Is(err, errLong) || errors.Is(err, io.EOF) || err == nil && next > maxRecord {
			s.pass(first, 1)
			s.lf = -1 // there are earlier ones
			s.seen.broken++
			return row, errQuote
		}
		if err != nil {
			return row, err
		}
		end = next
	}
}

// plain cuts a line without quotes.
func (s *splitter) plain(text string) ([]string, error) {
	n := strings.Count(text, string(s.delim)) + 1
	if n > maxColumns {
		return nil, errColumns
	}
	if cap(s.fields)-len(s.fields) < n {
		s.fields = make([]string, 0, max(n, 4096))
	}
	from := len(s.fields)
	for {
		i := strings.IndexByte(text, s.delim)
		if i < 0 {
			s.fields = append(s.fields, text)
			return s.fields[from:len(s.fields):len(s.fields)], nil
		}
		s.fields = append(s.fields, text[:i])
		text = text[i+1:]
	}
}

// quoted cuts a record with quotes into fields, line by line, so that each byte
// is looked at once.
type quoted struct {
	delim byte
	quoting
	seen   *seen
	fields []string
	open   bool   // a quote is not closed yet
	part   []byte // the field with that quote, as far as it was read
}

// feed takes the next line of the record, and the first one.
func (q *quoted) feed(s string) error {
	for {
		if !q.open {
			if len(q.fields) >= maxColumns {
				return errColumns
			}
			trimmed := s
			if q.delim != ' ' {
				trimmed = strings.TrimLeft(s, " ")
			}
			if !strings.HasPrefix(trimmed, `"`) {
				field, rest, more := q.bare(s)
				q.fields = append(q.fields, field)
				if !more {
					return nil
				}
				s = rest
				continue
			}
			s, q.open, q.part = trimmed[1:], true, nil
		}
		i := strings.IndexByte(s, '"')
		if q.backslash {
			if b := strings.IndexByte(s, '\\'); b >= 0 && (b < i || i < 0) {
				s = q.escape(s, b)
				continue
			}
		}
		if i < 0 {
			q.part = append(q.part, s...)
			return nil
		}
		if strings.HasPrefix(s[i+1:], `"`) {
			q.part = append(q.part, s[:i+1]...)
			s = s[i+2:]
			q.seen.doubled++
			continue
		}
		if q.part == nil {
			q.fields = append(q.fields, s[:i])
		} else {
			q.fields = append(q.fields, string(append(q.part, s[:i]...)))
		}
		q.open = false
		q.seen.enclosed++
		if s = s[i+1:]; q.delim != ' ' {
			s = strings.TrimLeft(s, " ")
		}
		switch {
		case s == "":
			return nil
		case s[0] != q.delim:
			return errQuote
		}
		s = s[1:]
	}
}

// bare takes a field without quotes around it.
func (q *quoted) bare(s string) (field, rest string, more bool) {
	if !q.backslash || strings.IndexByte(s, '\\') < 0 {
		field, rest, more = strings.Cut(s, string(q.delim))
		q.seen.pairs += strings.Count(field, `""`)
		return field, rest, more
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == q.delim:
			return string(out), s[i+1:], true
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == q.delim):
			i++
			if s[i] == '"' {
				q.seen.escaped++
			}
			if q.keep {
				out = append(out, c)
			}
			out = append(out, s[i])
		default:
			out = append(out, c)
		}
	}
	return string(out), "", false
}

// escape takes what stands in a quoted field before the backslash at b, and what that
// is before; it returns what follows.
func (q *quoted) escape(s string, b int) string {
	q.part = append(q.part, s[:b]...)
	if b+1 == len(s) { // before a line break
		if q.part == nil {
			q.part = []byte{}
		}
		return ""
	}
	if s[b+1] == '"' {
		q.seen.escaped++
	}
	if q.keep || s[b+1] != '"' && s[b+1] != '\\' {
		q.part = append(q.part, '\\')
	}
	q.part = append(q.part, s[b+1])
	return s[b+2:]
}

// withoutPairs is a field in which each quote is doubled, as it was before; any other
// field stays as it is.
func withoutPairs(f string) string {
	if !strings.Contains(f, `""`) || strings.Count(f, `"`) != 2*strings.Count(f, `""`) {
		return f
	}
	return strings.ReplaceAll(f, `""`, `"`)
}
