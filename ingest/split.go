package ingest

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// Caps that keep one bad place from costing the file or the memory.
const (
	maxLine    = 1 << 20  // bytes of a physical line
	maxRecord  = 64 << 10 // bytes of a record with line breaks inside quotes
	maxColumns = 512
)

var (
	errQuote = errors.New("a quote is not closed, or stands in the middle of a field")
	errLong  = errors.New("the line is too long")
)

// splitter reads CSV (RFC 4180 with any delimiter, and LF, CRLF or CR line ends).
// A quote that is never closed costs the line that it is on: reading goes on
// with the next one.
type splitter struct {
	r     *bufio.Reader
	delim byte
	line  int      // number of the last physical line read
	ahead []string // lines read in search of a closing quote
}

func newSplitter(r io.Reader, delim byte) *splitter {
	return &splitter{r: bufio.NewReaderSize(r, 64<<10), delim: delim}
}

// next returns the fields of the next record and the line on which it begins.
// The error is io.EOF at the end, one of the reader, or errQuote and errLong,
// after which the next record can be read. A blank line has no fields.
func (s *splitter) next() (fields []string, line int, raw string, err error) {
	text, err := s.readLine()
	line = s.line
	if err != nil {
		return nil, line, "", err
	}
	first, read := text, []string(nil)
	for {
		fields, open, err := split(text, s.delim)
		if !open || err != nil {
			return fields, line, first, err
		}
		more, err := s.readLine()
		if err == nil {
			read = append(read, more)
			text += "\n" + more
		}
		if err != nil || len(text) > maxRecord {
			s.ahead = append(read, s.ahead...)
			s.line -= len(read)
			return nil, line, first, errQuote
		}
	}
}

// split cuts a record into fields; open says that a quote is not closed yet.
func split(s string, delim byte) (fields []string, open bool, err error) {
	if strings.TrimSpace(s) == "" {
		return nil, false, nil
	}
	if strings.IndexByte(s, '"') < 0 { // nearly every line
		return strings.Split(s, string(delim)), false, nil
	}
	for {
		if len(fields) > maxColumns {
			return fields, false, errLong
		}
		trimmed := strings.TrimLeft(s, " ")
		if !strings.HasPrefix(trimmed, `"`) {
			field, rest, more := strings.Cut(s, string(delim))
			fields = append(fields, field)
			if !more {
				return fields, false, nil
			}
			s = rest
			continue
		}
		var b strings.Builder
		s = trimmed[1:]
		for {
			i := strings.IndexByte(s, '"')
			if i < 0 {
				return nil, true, nil
			}
			b.WriteString(s[:i])
			s = s[i+1:]
			if !strings.HasPrefix(s, `"`) {
				break
			}
			b.WriteByte('"')
			s = s[1:]
		}
		fields = append(fields, b.String())
		s = strings.TrimLeft(s, " ")
		switch {
		case s == "":
			return fields, false, nil
		case s[0] != delim:
			return nil, false, errQuote
		}
		s = s[1:]
	}
}

// readLine returns a physical line without its end.
func (s *splitter) readLine() (line string, err error) {
	defer func() {
		if err == nil || errors.Is(err, errLong) {
			s.line++
		}
	}()
	if len(s.ahead) > 0 {
		l := s.ahead[0]
		s.ahead = s.ahead[1:]
		return l, nil
	}
	var b []byte
	for {
		c, err := s.r.ReadByte()
		switch {
		case err == io.EOF && len(b) > 0:
			return string(b), nil
		case err != nil:
			return "", err
		case c == '\n':
			return string(b), nil
		case c == '\r':
			if next, err := s.r.Peek(1); err == nil && next[0] == '\n' {
				_, _ = s.r.Discard(1)
			}
			return string(b), nil
		}
		if b = append(b, c); len(b) > maxLine {
			return "", s.skipLine()
		}
	}
}

// skipLine drops the rest of a line that is over the cap.
func (s *splitter) skipLine() error {
	for {
		c, err := s.r.ReadByte()
		if err == io.EOF || c == '\n' || c == '\r' {
			return errLong
		}
		if err != nil {
			return err
		}
	}
}
