package forget

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"usher/table"
)

// NamingFile is an archived or refused file that names a person, or may.
type NamingFile struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// files are the archived and refused files that name the person, and those of
// which that cannot be told because they cannot be searched.
func (f Forgetting) files(ctx context.Context, marks *Marks) ([]NamingFile, error) {
	var out []NamingFile
	for _, folder := range []string{"archive", "refused"} {
		err := filepath.WalkDir(filepath.Join(f.Data, folder), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			why, err := naming(ctx, path, marks)
			if err == nil && why != "" {
				out = append(out, NamingFile{path, why})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// naming says why a file is to be looked at: what of the person stands in it, or
// why that cannot be told; "" when the person is not in it.
func naming(ctx context.Context, file string, marks *Marks) (string, error) {
	_, name, _ := strings.Cut(filepath.Base(file), "-") // behind the import
	for ext := "."; ext != ""; name = strings.TrimSuffix(name, ext) {
		if what := marks.InText(name); what != "" {
			return "has the person's " + what + " in its name", nil
		}
		ext = filepath.Ext(name)
	}
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	s := search{ctx: ctx, marks: marks, left: mostSearched}
	what, err := s.look(in, 0)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "cannot be searched: " + err.Error(), nil
	case what != "":
		return "has the person's " + what, nil
	}
	return "", nil
}

// Bounds of a search: a file may be made to fill the memory, or to unpack for
// ever.
const (
	mostSearched = 4 << 30  // bytes of one file, unpacked
	mostHeld     = 64 << 20 // bytes of a ZIP that lies inside another file, which must be held to be read
	mostNested   = 3        // files packed in one another
	searchAt     = 64 << 10 // bytes of text that are searched at a time
)

// search looks through one file for a person.
type search struct {
	ctx   context.Context
	marks *Marks
	left  int64
}

// look searches what r reads, whatever that is packed in. Errors say why it cannot
// be searched.
func (s *search) look(r io.Reader, depth int) (what string, err error) {
	if depth > mostNested {
		return "", errors.New("files are packed in one another")
	}
	b := bufio.NewReaderSize(r, 4096)
	head, err := b.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", plainly(err)
	}
	switch table.Packing(head) {
	case table.Gzip:
		z, err := gzip.NewReader(b)
		if err != nil {
			return "", plainly(err)
		}
		return s.look(z, depth+1)
	case table.Zstd:
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(mostHeld))
		if err != nil {
			return "", plainly(err)
		}
		defer z.Close()
		return s.look(z, depth+1)
	case table.Zip:
		if f, ok := r.(*os.File); ok {
			i, err := f.Stat()
			if err != nil {
				return "", plainly(err)
			}
			return s.zip(f, i.Size(), depth+1)
		}
		held, err := io.ReadAll(io.LimitReader(b, mostHeld+1))
		if err != nil {
			return "", plainly(err)
		}
		if len(held) > mostHeld {
			return "", errors.New("the file inside is too big")
		}
		return s.zip(bytes.NewReader(held), int64(len(held)), depth+1)
	}
	if table.OldExcel(head) {
		return "", errors.New("it is an old Excel file or one with a password")
	}
	encoding, bom := table.EncodingOf(head)
	if _, err := b.Discard(bom); err != nil {
		return "", plainly(err)
	}
	return s.text(table.Decode(b, encoding))
}

// zip searches every file in a ZIP; a workbook of Excel is one.
func (s *search) zip(at io.ReaderAt, size int64, depth int) (what string, err error) {
	z, err := zip.NewReader(at, size)
	if err != nil {
		return "", plainly(err)
	}
	for _, e := range z.File {
		if what := s.marks.InText(e.Name); what != "" {
			return what, nil
		}
		if e.Flags&1 != 0 {
			return "", errors.New("it has a password")
		}
		part, err := e.Open()
		if err != nil {
			return "", plainly(err)
		}
		if ext := path.Ext(e.Name); ext == ".xml" || ext == ".rels" {
			what, err = s.xml(part)
		} else {
			what, err = s.look(part, depth+1)
		}
		_ = part.Close() // it was only read
		if err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

// xml searches a part of a workbook: cells, which may be written in pieces, and
// the addresses of links.
func (s *search) xml(r io.Reader) (what string, err error) {
	texts, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.CloseWithError(flatten(r, w))
	}()
	what, err = s.text(texts)
	_ = texts.Close() // ends flatten, when the person was found
	<-ended
	return what, err
}

// flatten writes the text of an XML document, a line for each value.
func flatten(r io.Reader, w io.Writer) error {
	d := xml.NewDecoder(r)
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var text string
		switch t := t.(type) {
		case xml.CharData:
			text = string(t)
		case xml.StartElement:
			for _, a := range t.Attr {
				text += "\n" + a.Value + "\n"
			}
		case xml.EndElement:
			if n := t.Name.Local; n != "t" && n != "r" { // the pieces of one text
				text = "\n"
			}
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
}

// text searches a text, piece by piece.
func (s *search) text(r io.Reader) (what string, err error) {
	pieces := bufio.NewScanner(r)
	pieces.Buffer(make([]byte, 2*searchAt), 2*searchAt)
	pieces.Split(piece)
	for pieces.Scan() {
		if s.left -= int64(len(pieces.Bytes())); s.left < 0 {
			return "", fmt.Errorf("it has more than %d GB", mostSearched>>30)
		}
		if err := s.ctx.Err(); err != nil {
			return "", err
		}
		for _, text := range readings(pieces.Bytes()) {
			if what := s.marks.InText(unescape(text)); what != "" {
				return what, nil
			}
		}
	}
	return "", plainly(pieces.Err())
}

// piece cuts a text where no address is cut: between lines, or in a line of any
// length between values.
func piece(data []byte, end bool) (advance int, token []byte, err error) {
	if end {
		if len(data) == 0 {
			return 0, nil, nil
		}
		return len(data), data, nil
	}
	if len(data) < searchAt {
		return 0, nil, nil
	}
	for _, marks := range []string{"\n\r", ",;\t|\"}"} {
		if i := bytes.LastIndexAny(data, marks); i >= 0 {
			return i + 1, data[:i+1], nil
		}
	}
	if len(data) < 2*searchAt {
		return 0, nil, nil
	}
	return len(data), data, nil
}

// readings are the ways in which a piece can be read. One that is not UTF-8 may be
// Windows-1252, or UTF-8 with broken bytes. One with zeros may be UTF-16 that does not
// show it where the file begins; where a piece of that begins is not known, so the
// pairs of bytes are taken from either place, in either order.
func readings(b []byte) []string {
	out := []string{string(b)}
	if !utf8.Valid(b) {
		text, _ := charmap.Windows1252.NewDecoder().Bytes(b) // it knows every byte
		out = append(out, string(text))
	}
	if bytes.IndexByte(b, 0) >= 0 {
		for _, from := range [][]byte{b, b[1:]} {
			for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
				text, _ := unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder().Bytes(from) // what is none becomes U+FFFD
				out = append(out, string(text))
			}
		}
	}
	return out
}

// unescape replaces what JSON writes as a number by the character.
func unescape(text string) string {
	if !strings.Contains(text, `\u`) {
		return text
	}
	return escaped.ReplaceAllStringFunc(text, func(e string) string {
		n, _ := strconv.ParseUint(e[2:], 16, 32) // four hexadecimal digits
		return string(rune(n))
	})
}

var escaped = regexp.MustCompile(`\\u[0-9a-fA-F]{4}`)

// plainly says why a file cannot be read, without its content.
func plainly(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it was cut off")
	case errors.As(err, new(*fs.PathError)):
		return errors.New("it cannot be read")
	}
	return errors.New("it is damaged")
}
