package table

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth is how deep JSON may be nested.
const maxDepth = 64

var errDepth = fmt.Errorf("it is nested more than %d deep", maxDepth)

// balance follows brackets and strings through JSON without understanding it.
type balance struct {
	depth    int
	deepest  int
	inString bool
	escaped  bool
}

// feed looks on from byte i of s and returns the index behind the bracket that
// closes the first one, or -1 when that is not in s.
func (b *balance) feed(s string, i int) int {
	for ; i < len(s); i++ {
		c := s[i]
		if b.inString {
			switch {
			case b.escaped:
				b.escaped = false
			case c == '\\':
				b.escaped = true
			case c == '"':
				b.inString = false
			}
			continue
		}
		switch c {
		case '"':
			b.inString = true
		case '{', '[':
			b.depth++
			b.deepest = max(b.deepest, b.depth)
		case '}', ']':
			if b.depth--; b.depth <= 0 {
				return i + 1
			}
		}
	}
	return -1
}

// jsonObjects reads the objects of JSON Lines, of a stream of objects that span
// several lines, or of arrays, which may lie in other objects (jsonnested.go).
type jsonObjects struct {
	*window
	format string
	at     nesting // of FormatJSONArray
	walk   walk
}

// next returns the next object as it stands, and the line on which it begins. A
// blank line has no text. errLong and errObject are about this object only; a
// *FileError is about the whole array.
func (j *jsonObjects) next() (text string, line int, err error) {
	switch j.format {
	case FormatJSONArray:
		return j.nested()
	case FormatJSONStream:
		return j.streamed()
	}
	line = j.line + 1
	text, end, _, err := j.lineAt(0, maxLine)
	if errors.Is(err, errLong) {
		if text, err = j.skipLine(); err == nil {
			err = errLong
		}
		return text, line, err
	}
	if err != nil {
		return "", line, err
	}
	j.pass(end, 1)
	text = strings.TrimLeft(trimCell(text), "\x1e") // RFC 7464
	return strings.TrimSuffix(text, ","), line, nil
}

// errObject is about a piece of JSON that is no object.
var errObject = errors.New("this is not one JSON object")

// streamed reads an object that may span lines. One that is broken ends before
// the next line that begins with a bracket.
func (j *jsonObjects) streamed() (text string, line int, err error) {
	line = j.line + 1
	var b balance
	at := 0
	for lines := 0; ; lines++ {
		l, end, _, err := j.lineAt(at, maxLine)
		switch {
		case at == 0 && errors.Is(err, errLong):
			if text, err = j.skipLine(); err == nil {
				err = errLong
			}
			return text, line, err
		case at == 0 && err == nil && trimCell(l) == "":
			j.pass(end, 1)
			return "", line, nil
		case at > 0 && (errors.Is(err, io.EOF) || errors.Is(err, errLong) || err == nil && (end > maxLine || strings.HasPrefix(l, "{"))):
			text = strings.TrimSpace(j.rest()[:at])
			j.pass(at, lines)
			return text, line, errObject
		case err != nil:
			return "", line, err
		}
		if closed := b.feed(j.rest()[:end], at); closed >= 0 {
			text = trimCell(j.rest()[:end])
			if strings.TrimSpace(j.rest()[closed:end]) != "" {
				err = errObject
			}
			j.pass(end, lines+1)
			return text, line, err
		}
		at = end
	}
}

// value reads the array's element that begins at pos.
func (j *jsonObjects) value(c byte) (text string, line int, err error) {
	line = j.line + 1
	var b balance
	at, long := 0, ""
	for {
		end := -1
		if t := j.rest(); c == '{' || c == '[' {
			end = b.feed(t, at)
		} else {
			end = scalarEnd(&b, t, at)
		}
		if end >= 0 {
			text = j.rest()[:end]
			j.pass(end, lineEnds(text))
			switch {
			case long != "":
				return long, line, errLong
			case c != '{':
				return text, line, errObject
			}
			return text, line, nil
		}
		at = len(j.rest())
		if at > maxLine { // forget it, but find its end
			if long == "" {
				long = strings.Clone(j.rest()[:kept])
			}
			n := at - 1 // the last byte may be one half of a line end
			j.pass(n, lineEnds(j.rest()[:n]))
			at = 1
		}
		switch err := j.more(); {
		case errors.Is(err, io.EOF):
			return "", line, j.broken("an object is not closed; was the file cut off?")
		case err != nil:
			return "", line, err
		}
	}
}

// scalarEnd finds the comma or bracket behind a value without brackets.
func scalarEnd(b *balance, s string, i int) int {
	for ; i < len(s); i++ {
		if c := s[i]; !b.inString && (c == ',' || c == ']' || c == '}') {
			return i
		} else if c != '[' && c != '{' {
			b.feed(s[i:i+1], 0)
		}
	}
	return -1
}

// significant moves on to the next byte that is no white space.
func (j *jsonObjects) significant() (byte, error) {
	for {
		t := j.rest()
		i := strings.IndexFunc(t, func(r rune) bool { return r != ' ' && r != '\t' && r != '\n' && r != '\r' })
		if i >= 0 {
			j.pass(i, lineEnds(t[:i]))
			return t[i], nil
		}
		n := len(t)
		if strings.HasSuffix(t, "\r") && !j.ended {
			n--
		}
		j.pass(n, lineEnds(t[:n]))
		if err := j.more(); err != nil {
			return 0, err
		}
	}
}

func (j *jsonObjects) broken(what string) error {
	return Unusable("E_JSON_ARRAY", "line %d: %s", j.line+1, what)
}

// lineEnds counts LF, CRLF and CR.
func lineEnds(s string) int {
	n := strings.Count(s, "\n")
	if strings.IndexByte(s, '\r') >= 0 {
		n += strings.Count(s, "\r") - strings.Count(s, "\r\n")
	}
	return n
}
