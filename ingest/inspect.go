package ingest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Formats and encodings as reports name them.
const (
	formatCSV   = "csv"
	formatJSONL = "jsonl"

	encodingUTF8    = "utf-8"
	encodingUTF16LE = "utf-16le"
	encodingUTF16BE = "utf-16be"
	encoding1252    = "windows-1252"
)

// nature is what a file is, found by reading its bytes once.
type nature struct {
	digest   string
	size     int64
	format   string
	encoding string
	delim    byte // of CSV
	bom      int  // bytes to skip
}

// fileError refuses a whole file: a stable code and a sentence that says what to
// do. Nothing of the file is published.
type fileError struct{ code, text string }

func (e *fileError) Error() string { return e.code + ": " + e.text }

// inspect reads the file once. The error is a *fileError when the file cannot be
// an import; the digest is there even then.
func inspect(ctx context.Context, f *os.File) (nature, error) {
	n := nature{encoding: encodingUTF8, format: formatCSV}
	head, err := bufio.NewReader(io.NewSectionReader(f, 0, 64<<10)).Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return n, err
	}
	sum, valid := sha256.New(), &utf8Check{}
	if n.size, err = io.Copy(io.MultiWriter(sum, valid), until(ctx, io.NewSectionReader(f, 0, 1<<62))); err != nil {
		return n, err
	}
	n.digest = hex.EncodeToString(sum.Sum(nil))
	switch {
	case n.size == 0:
		return n, &fileError{"E_EMPTY", "the file is empty; drop it again with its rows"}
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return n, &fileError{"E_FORMAT", "this is a ZIP or Excel file; save it as CSV (UTF-8) and drop that"}
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return n, &fileError{"E_FORMAT", "this file is compressed; unpack it and drop what is inside"}
	case bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return n, &fileError{"E_FORMAT", "this is an old Excel file; save it as CSV (UTF-8) and drop that"}
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		n.bom = 3
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		n.encoding, n.bom = encodingUTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		n.encoding, n.bom = encodingUTF16BE, 2
	case utf16Pattern(head, 1):
		n.encoding = encodingUTF16LE
	case utf16Pattern(head, 0):
		n.encoding = encodingUTF16BE
	}
	utf16 := n.encoding != encodingUTF8
	switch {
	case !utf16 && valid.zero:
		return n, &fileError{"E_FORMAT", "this is not a text file; drop CSV or JSON Lines"}
	case !utf16 && !valid.ok():
		n.encoding = encoding1252
	}
	return n, n.findFormat(ctx, f)
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
	invalid bool
	zero    bool
}

func (c *utf8Check) Write(p []byte) (int, error) {
	n := len(p)
	c.zero = c.zero || bytes.IndexByte(p, 0) >= 0
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
	c.invalid = c.invalid || !utf8.Valid(p[:end])
	c.rest = append([]byte(nil), p[end:]...)
	return n, nil
}

func (c *utf8Check) ok() bool { return !c.invalid && len(c.rest) == 0 }

// until is r, failing once ctx has ended: a huge file does not hold up a stop.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// text returns the file's characters as UTF-8.
func (n nature) text(ctx context.Context, f *os.File) io.Reader {
	r := until(ctx, io.NewSectionReader(f, int64(n.bom), 1<<62))
	switch n.encoding {
	case encodingUTF16LE:
		return transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder())
	case encodingUTF16BE:
		return transform.NewReader(r, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	case encoding1252:
		return transform.NewReader(r, charmap.Windows1252.NewDecoder())
	}
	return r
}

// findFormat tells JSON Lines from CSV, and finds the delimiter under which the
// header has the most columns that usher knows.
func (n *nature) findFormat(ctx context.Context, f *os.File) error {
	s := newSplitter(n.text(ctx, f), 0)
	var header string
	for header == "" {
		l, err := s.readLine()
		if errors.Is(err, io.EOF) {
			return &fileError{"E_EMPTY", "the file has no rows; drop it again with its rows"}
		}
		if err != nil && !errors.Is(err, errLong) {
			return err
		}
		header = trimCell(l)
		if d, ok := sepLine(header); ok {
			n.delim = d
			header = ""
		}
	}
	switch header[0] {
	case '{':
		n.format = formatJSONL
		return nil
	case '[':
		return &fileError{"E_FORMAT", "this is a JSON array; write one object a line (JSON Lines) and drop that"}
	}
	if n.delim != 0 {
		return nil
	}
	most := 0
	for _, d := range []byte(",;\t|") {
		fields, _, err := split(header, d)
		if err != nil {
			continue
		}
		known := 0
		for _, h := range fields {
			if canonical(h) != "" {
				known++
			}
		}
		if known > most {
			most, n.delim = known, d
		}
	}
	if most == 0 {
		return &fileError{"E_HEADER", fmt.Sprintf("the first line names no column that usher knows; name them %s, %s, %s, %s and %s", colUserID, colName, colEmail, colPhone, colLocale)}
	}
	return nil
}

// sepLine reads Excel's first line "sep=;".
func sepLine(l string) (byte, bool) {
	if len(l) == 5 && l[:4] == "sep=" {
		return l[4], true
	}
	return 0, false
}
