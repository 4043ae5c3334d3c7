package table

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// texts are the texts that cells refer to by number. Few are held in memory; many lie
// on the disk, in a file without a name.
type texts struct {
	tmp  string // the folder for that
	held []byte // texts, or those that are not written yet
	ends []int64
	disk *os.File
	at   int64 // how much of it is written
}

// diskError is an error of the disk, and not of the Excel file.
type diskError struct{ error }

// add puts a text behind the others.
func (t *texts) add(s []byte) error {
	if len(t.ends) >= maxTexts {
		return Unusable("E_TOO_BIG", "the Excel file has more than %d different texts; drop the list as CSV", maxTexts)
	}
	t.held = append(t.held, s...)
	t.ends = append(t.ends, t.at+int64(len(t.held)))
	if len(t.held) < maxInMemory {
		return nil
	}
	return t.flush()
}

// flush moves what is held to the disk.
func (t *texts) flush() error {
	if t.disk == nil {
		f, err := os.CreateTemp(t.tmp, "texts-")
		if err != nil {
			return &diskError{err}
		}
		t.disk = f
		if err := os.Remove(f.Name()); err != nil {
			return &diskError{err}
		}
	}
	n, err := t.disk.Write(t.held)
	if t.at += int64(n); err != nil {
		return &diskError{err}
	}
	t.held = t.held[:0]
	return nil
}

// text is the one of a number.
func (t *texts) text(i int) (string, error) {
	if i < 0 || i >= len(t.ends) {
		return "", errNoText
	}
	from, to := int64(0), t.ends[i]
	if i > 0 {
		from = t.ends[i-1]
	}
	if from >= t.at {
		return string(t.held[from-t.at : to-t.at]), nil
	}
	b := make([]byte, to-from)
	if _, err := t.disk.ReadAt(b, from); err != nil {
		return "", &diskError{err}
	}
	return string(b), nil
}

var errNoText = errors.New("a cell refers to a text that is not there")

func (t *texts) close() {
	if t.disk != nil {
		_ = t.disk.Close()
	}
}

// readTexts reads the part with the texts.
func (b *workbook) readTexts(part string) error {
	x, err := b.open(part)
	if errors.Is(err, errNoPart) {
		return nil
	}
	if err != nil {
		return err
	}
	defer x.close()
	return x.each(func(e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		text, err := x.richText(e)
		if err != nil {
			return err
		}
		return b.texts.add(text)
	})
}

// richText is the text in an element, whose runs may have fonts of their own. How it
// is pronounced (rPh) is no part of it.
func (x *xmlPart) richText(in xml.StartElement) ([]byte, error) {
	var out []byte
	depth, spoken, text := 1, 0, 0 // depths at which an element began; 0 is none
	for {
		t, err := x.Token()
		if err != nil {
			return nil, atEnd(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			switch {
			case t.Name.Local == "rPh" && spoken == 0:
				spoken = depth
			case t.Name.Local == "t" && text == 0:
				text = depth
			}
		case xml.EndElement:
			switch depth {
			case spoken:
				spoken = 0
			case text:
				text = 0
			}
			if depth--; depth == 0 {
				return unescapeText(out), nil
			}
		case xml.CharData:
			if text > 0 && spoken == 0 {
				if out = append(out, t...); len(out) > maxToken {
					return nil, Unusable("E_TOO_BIG", "the Excel file has a text of more than %d MB in it", maxToken>>20)
				}
			}
		}
	}
}

// atEnd is the error of a part that ends where it may not.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unescapeText undoes how Excel writes characters that XML does not have, such as
// _x000D_ (ECMA-376, 22.9.2.19).
func unescapeText(b []byte) []byte {
	if !bytes.Contains(b, []byte("_x")) {
		return b
	}
	var out strings.Builder
	for s := string(b); ; {
		i := strings.Index(s, "_x")
		if i < 0 {
			out.WriteString(s)
			return []byte(out.String())
		}
		out.WriteString(s[:i])
		s = s[i:]
		if len(s) >= 7 && s[6] == '_' {
			if r, err := strconv.ParseUint(s[2:6], 16, 16); err == nil {
				out.WriteRune(rune(r))
				s = s[7:]
				continue
			}
		}
		out.WriteString(s[:2])
		s = s[2:]
	}
}
