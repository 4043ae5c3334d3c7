package table

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Encodings as reports name them.
const (
	UTF8        = "utf-8"
	UTF16LE     = "utf-16le"
	UTF16BE     = "utf-16be"
	Windows1252 = "windows-1252"
)

// findEncoding follows a ladder from certain to guessed: byte order mark, the
// zeros of UTF-16, valid UTF-8, and what Windows uses in western Europe.
func (t *File) findEncoding(head []byte, check *utf8Check) error {
	if k, is := kindOf(head); is {
		return k.error()
	}
	t.Encoding, t.bom = EncodingOf(head)
	switch {
	case t.bom > 0:
		t.Why = "a byte order mark"
	case t.Encoding != "":
		t.Why = "every other byte is zero"
	case check.zero:
	case check.ok():
		t.Encoding, t.Why = UTF8, "all bytes are valid UTF-8"
	case check.mostly():
		t.Encoding, t.Why = UTF8, "nearly all characters beyond ASCII are valid UTF-8"
	default:
		t.Encoding, t.Why = Windows1252, "there are bytes that are not UTF-8"
		t.Warnings.Add("W_ENCODING", "the file is not UTF-8 and was read as Windows-1252: look whether names with accents are right", check.lines()[0])
	}
	switch {
	case t.Encoding == "" || t.Encoding == UTF8 && check.zero:
		return Unusable("E_FORMAT", "this is not a text file; drop CSV, JSON or Excel (.xlsx)")
	case t.Encoding == UTF8 && !check.ok():
		t.Warnings.Add("W_ENCODING", "the file is UTF-8 with bytes in it that are not", check.lines()[0])
	}
	return nil
}

// EncodingOf names the encoding that the first 200 bytes of a text show, by a byte
// order mark of bom bytes or by the zeros of UTF-16. It is "" when all bytes must be
// looked at to choose between UTF-8 and Windows-1252.
func EncodingOf(head []byte) (encoding string, bom int) {
	encoding, bom = byteOrderMark(head)
	switch {
	case bom > 0:
	case utf16Pattern(head, 1):
		encoding = UTF16LE
	case utf16Pattern(head, 0):
		encoding = UTF16BE
	}
	return encoding, bom
}

// byteOrderMark tells the encoding that the first bytes name, and how many they
// are.
func byteOrderMark(head []byte) (encoding string, n int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		return UTF8, 3
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return UTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return UTF16BE, 2
	}
	return "", 0
}

// utf16Pattern reports whether every other byte of ASCII text is zero, beginning
// at the offset.
func utf16Pattern(head []byte, at int) bool {
	head = head[:min(len(head), 200)&^1]
	zero := 0
	for i := at; i < len(head); i += 2 {
		if head[i] == 0 {
			zero++
		}
	}
	return len(head) >= 4 && zero > len(head)/2*8/10
}

// utf8Check validates a stream of bytes as UTF-8.
type utf8Check struct {
	rest    []byte
	line    int
	strange []int // the first lines that are not UTF-8
	invalid int   // bytes that are not UTF-8
	valid   int   // characters of several bytes
	zero    bool

	quotes, backslashes bool // there are some
}

// shownLines is how many lines of a kind are named in a warning.
const shownLines = 3

func (c *utf8Check) Write(p []byte) (int, error) {
	n := len(p)
	c.zero = c.zero || bytes.IndexByte(p, 0) >= 0
	c.quotes = c.quotes || bytes.IndexByte(p, '"') >= 0
	c.backslashes = c.backslashes || bytes.IndexByte(p, '\\') >= 0
	if len(c.rest) > 0 {
		p = append(c.rest, p...)
		c.rest = nil
	}
	end := len(p)
	for back := 1; back < utf8.UTFMax && back <= len(p); back++ { // keep a character that is cut
		if utf8.RuneStart(p[len(p)-back]) {
			if !utf8.FullRune(p[len(p)-back:]) {
				end = len(p) - back
			}
			break
		}
	}
	c.look(p[:end])
	c.rest = append([]byte(nil), p[end:]...)
	return n, nil
}

// look counts lines and characters, and notes the lines that are not UTF-8.
func (c *utf8Check) look(p []byte) {
	if utf8.Valid(p) {
		if len(c.strange) < shownLines {
			c.line += bytes.Count(p, []byte{'\n'})
		}
		c.valid += severalBytes(p)
		return
	}
	for len(p) > 0 {
		l, rest, more := bytes.Cut(p, []byte{'\n'})
		if utf8.Valid(l) {
			c.valid += severalBytes(l)
		} else {
			c.lookInto(l)
			if len(c.strange) < shownLines {
				c.strange = append(c.strange, c.line+1)
			}
		}
		if more {
			c.line++
		}
		p = rest
	}
}

// lookInto counts what is valid and what is not in a line that is not UTF-8.
func (c *utf8Check) lookInto(l []byte) {
	for len(l) > 0 {
		r, n := utf8.DecodeRune(l)
		switch {
		case r == utf8.RuneError && n == 1:
			c.invalid++
		case n > 1:
			c.valid++
		}
		l = l[n:]
	}
}

// severalBytes counts the characters of valid UTF-8 that have more than one byte.
func severalBytes(p []byte) (n int) {
	for len(p) >= 8 && binary.LittleEndian.Uint64(p)&0x8080808080808080 == 0 { // nearly all text begins so, and much has nothing else
		p = p[8:]
	}
	for _, b := range p {
		if b >= 0xc0 {
			n++
		}
	}
	return n
}

// fewValid is how many bytes that are not UTF-8 stand for one character of several
// bytes in text that is another encoding: there it is one by chance.
const fewValid = 50

// mostly reports whether the text is UTF-8 in which some bytes are broken, and not
// another encoding. A file that only ends within a character was cut off.
func (c *utf8Check) mostly() bool {
	return c.valid > 0 && c.invalid < fewValid*c.valid || c.invalid == 0
}

func (c *utf8Check) ok() bool { return len(c.strange) == 0 && len(c.rest) == 0 }

// lines are the first ones that are not UTF-8.
func (c *utf8Check) lines() []int {
	if len(c.strange) == 0 && len(c.rest) > 0 { // the file ends within a character
		return []int{c.line + 1}
	}
	return c.strange
}

// Decode returns the characters of r as UTF-8. A byte order mark must have been read
// before.
func Decode(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case UTF16LE:
		return transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder())
	case UTF16BE:
		return transform.NewReader(r, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	case Windows1252:
		return transform.NewReader(r, charmap.Windows1252.NewDecoder())
	}
	return r
}
