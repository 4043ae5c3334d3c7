package table

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// maxToken is how many bytes one piece of XML may have, such as the text of a cell,
// of which Excel allows 32,767 characters.
const maxToken = 1 << 20

// xmlPart reads one part of an Excel file piece by piece.
type xmlPart struct {
	*xml.Decoder
	limit *tokenLimit
	depth int // elements that are open
	close func()
}

// maxElements is how many elements of an Excel file may stand in one another; the
// decoder keeps all that are open.
const maxElements = 100

// open opens a part. errNoPart says that there is none of this name.
func (b *workbook) open(part string) (*xmlPart, error) {
	e := b.parts[partName(part)]
	if e == nil {
		return nil, errNoPart
	}
	rc, err := e.Open()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(until(b.ctx, rc), blockSize/4)
	var text io.Reader = in
	if head, err := in.Peek(3); err == nil || errors.Is(err, io.EOF) {
		encoding, n := byteOrderMark(head)
		_, _ = in.Discard(n) // they are there
		text = Decode(in, encoding)
	}
	limit := &tokenLimit{Reader: bufio.NewReader(text)}
	d := xml.NewDecoder(limit)
	d.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(name) {
		case "utf-8", "utf-16", "us-ascii", "ascii": // UTF-16 is decoded by its mark
			return in, nil
		case "iso-8859-1", "windows-1252":
			return charmap.Windows1252.NewDecoder().Reader(in), nil
		}
		return nil, fmt.Errorf("XML in %s", name)
	}
	return &xmlPart{Decoder: d, limit: limit, close: func() { _ = rc.Close() }}, nil
}

// Token is the next piece. It is valid until the next call.
func (x *xmlPart) Token() (xml.Token, error) {
	x.limit.left = maxToken
	t, err := x.Decoder.Token()
	switch t.(type) {
	case xml.StartElement:
		if x.depth++; x.depth > maxElements {
			return nil, errNested
		}
	case xml.EndElement:
		x.depth--
	}
	return t, err
}

var errNested = fmt.Errorf("more than %d elements stand in one another", maxElements)

// each calls do with each element that begins, until the part ends or do fails.
func (x *xmlPart) each(do func(xml.StartElement) error) error {
	for {
		e, err := x.element()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(e); err != nil {
			return err
		}
	}
}

// element is the next element that begins. The error is io.EOF at the end.
func (x *xmlPart) element() (xml.StartElement, error) {
	for {
		t, err := x.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if e, ok := t.(xml.StartElement); ok {
			return e, nil
		}
	}
}

// tokenLimit fails when a single piece has too many bytes: the decoder would hold
// it whole.
type tokenLimit struct {
	*bufio.Reader
	left int
}

// ReadByte implements io.ByteReader, which is how the decoder reads.
func (l *tokenLimit) ReadByte() (byte, error) {
	if l.left--; l.left < 0 {
		return 0, Unusable("E_TOO_BIG", "the Excel file has a text of more than %d MB in it", maxToken>>20)
	}
	return l.Reader.ReadByte()
}

// Read implements io.Reader, for what decodes other encodings.
func (l *tokenLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, Unusable("E_TOO_BIG", "the Excel file has a text of more than %d MB in it", maxToken>>20)
	}
	n, err := l.Reader.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// attribute is the value of an element's attribute, "" when it has none.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func isTrue(s string) bool { return s == "1" || s == "true" || s == "on" }
