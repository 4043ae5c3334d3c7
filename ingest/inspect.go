package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Formats as reports name them; what a file is packed in is added with a plus.
const (
	formatCSV        = "csv"
	formatJSONL      = "jsonl"
	formatJSONStream = "json-stream" // objects one after the other, over several lines
	formatJSONArray  = "json"
	formatXLSX       = "xlsx"
)

// nature is what a file is, found by reading its bytes. The name counts for
// nothing.
type nature struct {
	digest   string
	size     int64
	packed   string // in what, or ""
	format   string
	encoding string
	bom      int    // bytes to skip
	delim    byte   // of CSV
	sep      bool   // the first line is Excel's sep=;
	sheet    string // of XLSX
	why      string // how it was told
	notes    []string
	tmp      string // folder for what must be unpacked to the disk
}

// fileError refuses a whole file: a stable code and a sentence that says what to
// do. Nothing of the file is published.
type fileError struct{ code, text string }

func (e *fileError) Error() string { return e.code + ": " + e.text }

// FileCodes lists the codes with which a whole file may be refused.
var FileCodes = []string{
	"E_ALL_ROWS", "E_CHANGED", "E_EMPTY", "E_FORMAT", "E_HEADER", "E_JSON_ARRAY", "E_KNOWN", "E_LINK", "E_POISON", "E_SHEETS", "E_SPECIAL",
	"E_TOO_BIG", "E_TOO_MANY_REFUSED", "E_TOO_MANY_ROWS", "E_UNPACK", "E_UNREADABLE",
}

// inspect reads the file once; tmp is a folder that it may make for what has to
// be unpacked to the disk. The error is a *fileError when the file cannot be an
// import; the digest is there even then.
func inspect(ctx context.Context, f *os.File, tmp string) (nature, error) {
	n := nature{tmp: tmp}
	head, err := readHead(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return n, err
	}
	n.packed = packing(head)
	sum, check := sha256.New(), &utf8Check{}
	to := io.Writer(sum)
	if n.packed == "" {
		to = io.MultiWriter(sum, check)
	}
	if n.size, err = io.CopyBuffer(onlyWriter{to}, until(ctx, io.NewSectionReader(f, 0, 1<<62)), make([]byte, blockSize)); err != nil {
		return n, err
	}
	n.digest = hex.EncodeToString(sum.Sum(nil))
	if n.size == 0 {
		return n, &fileError{"E_EMPTY", "the file is empty; drop it again with its rows"}
	}
	if n.packed == packedZip {
		if r, err := zip.NewReader(f, n.size); err == nil && workbook(r) {
			n.packed, n.format = "", formatXLSX
		}
	}
	if n.packed != "" {
		if head, err = n.lookInside(ctx, f, check); err != nil {
			return n, err
		}
	}
	if n.format == formatXLSX {
		return n, n.inspectWorkbook(ctx, f)
	}
	if err := n.findEncoding(head, check); err != nil {
		return n, err
	}
	return n, n.findFormat(ctx, f)
}

// onlyWriter hides what else a writer can do, so that a copy uses its buffer.
type onlyWriter struct{ io.Writer }

// readHead returns the first bytes.
func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, 4096)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// lookInside reads what is packed in the file, and returns its first bytes.
func (n *nature) lookInside(ctx context.Context, f *os.File, check *utf8Check) ([]byte, error) {
	u, err := unpack(ctx, f, n.size, n.packed)
	if err != nil {
		return nil, err
	}
	defer u.close()
	head, err := readHead(u)
	if err != nil {
		return nil, err
	}
	switch packing(head) {
	case packedZip:
		n.format = formatXLSX // or nothing that usher reads, which openWorkbook tells
		return head, nil
	case "":
	default:
		return nil, &fileError{"E_FORMAT", "the file is packed twice; unpack it and drop what is inside"}
	}
	if len(head) == 0 {
		return nil, &fileError{"E_EMPTY", "the file inside is empty; drop it again with its rows"}
	}
	_, err = io.CopyBuffer(onlyWriter{check}, io.MultiReader(bytes.NewReader(head), u), make([]byte, blockSize))
	return head, err
}

// inspectWorkbook finds the sheet to read.
func (n *nature) inspectWorkbook(ctx context.Context, f *os.File) error {
	n.encoding = encodingUTF8
	book, done, err := n.workbook(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	n.why = "it is a ZIP file with a workbook in it"
	n.sheet, n.notes, err = chooseSheet(book)
	return err
}

// workbook opens an Excel file, which may be packed itself; done closes it and
// removes what was unpacked to the disk.
func (n nature) workbook(ctx context.Context, f *os.File) (book *excelize.File, done func(), err error) {
	if err := os.MkdirAll(n.tmp, 0o700); err != nil {
		return nil, nil, err
	}
	size := n.size
	drop := func() {}
	if n.packed != "" {
		if f, size, err = n.unpackTo(ctx, f); err != nil {
			return nil, nil, err
		}
		drop = func() { _ = f.Close() }
	}
	r, err := zip.NewReader(f, size)
	if err != nil || !workbook(r) {
		drop()
		return nil, nil, &fileError{"E_FORMAT", "the file inside is neither a list of users nor an Excel file; drop it unpacked"}
	}
	if book, err = openWorkbook(f, size, n.tmp); err != nil {
		drop()
		return nil, nil, err
	}
	done = func() { _ = book.Close(); drop() }
	if err := sound(ctx, r, book); err != nil {
		done()
		return nil, nil, err
	}
	return book, done, nil
}

// unpackTo unpacks the file to the disk. The copy has no name, so nothing is left
// of it when it is closed.
func (n nature) unpackTo(ctx context.Context, f *os.File) (*os.File, int64, error) {
	u, err := unpack(ctx, f, n.size, n.packed)
	if err != nil {
		return nil, 0, err
	}
	defer u.close()
	out, err := os.CreateTemp(n.tmp, "unpacked-")
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(out, u)
	if err = errors.Join(err, os.Remove(out.Name())); err != nil {
		return nil, 0, errors.Join(err, out.Close())
	}
	return out, size, nil
}

// findEncoding follows a ladder from certain to guessed: byte order mark, the
// zeros of UTF-16, valid UTF-8, and what Windows uses in western Europe.
func (n *nature) findEncoding(head []byte, check *utf8Check) error {
	if bytes.HasPrefix(head, magicOLE) {
		return &fileError{"E_FORMAT", "this is an old Excel file (.xls), or one with a password; save it as .xlsx without a password, or as CSV (UTF-8), and drop that"}
	}
	n.encoding, n.bom = byteOrderMark(head)
	switch {
	case n.bom > 0:
		n.why = "a byte order mark"
	case utf16Pattern(head, 1):
		n.encoding, n.why = encodingUTF16LE, "every other byte is zero"
	case utf16Pattern(head, 0):
		n.encoding, n.why = encodingUTF16BE, "every other byte is zero"
	case check.zero:
	case check.ok():
		n.encoding, n.why = encodingUTF8, "all bytes are valid UTF-8"
	default:
		n.encoding, n.why = encoding1252, "there are bytes that are not UTF-8"
		n.notes = append(n.notes, fmt.Sprintf("the file is not UTF-8 and was read as Windows-1252: look whether names with accents are right, first in line %s", joinInts(check.lines())))
	}
	switch {
	case n.encoding == "" || n.encoding == encodingUTF8 && check.zero:
		return &fileError{"E_FORMAT", "this is not a text file; drop CSV, JSON or Excel (.xlsx)"}
	case n.encoding == encodingUTF8 && !check.ok():
		n.notes = append(n.notes, fmt.Sprintf("the file says that it is UTF-8 and is not, first in line %s", joinInts(check.lines())))
	}
	return nil
}

func joinInts(v []int) string {
	var s []string
	for _, i := range v {
		s = append(s, fmt.Sprint(i))
	}
	return strings.Join(s, ", ")
}

// text returns the file's characters as UTF-8; done lets go of what that needs.
func (n nature) text(ctx context.Context, f *os.File) (r io.Reader, done func(), err error) {
	done = func() {}
	r = until(ctx, io.NewSectionReader(f, 0, 1<<62))
	if n.packed != "" {
		u, err := unpack(ctx, f, n.size, n.packed)
		if err != nil {
			return nil, nil, err
		}
		r, done = u, u.close
	}
	if n.bom > 0 {
		if _, err := io.CopyN(io.Discard, r, int64(n.bom)); err != nil {
			done()
			return nil, nil, err
		}
	}
	return decode(r, n.encoding), done, nil
}

// findFormat tells JSON from CSV by the first character, and finds the delimiter
// of CSV.
func (n *nature) findFormat(ctx context.Context, f *os.File) error {
	text, done, err := n.text(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	w := newWindow(text)
	for {
		line, end, _, err := w.lineAt(0, maxLine)
		switch {
		case errors.Is(err, io.EOF):
			return &fileError{"E_EMPTY", "the file has no rows; drop it again with its rows"}
		case errors.Is(err, errLong):
			line = strings.Clone(w.rest()[:min(len(w.rest()), kept)])
		case err != nil:
			return err
		}
		l := trimCell(line)
		switch {
		case l == "":
		case l[0] == '{':
			n.format, n.why = formatJSONL, n.why+"; the first line is an object"
			if new(balance).feed(l, 0) < 0 && err == nil {
				n.format, n.why = formatJSONStream, n.why+" that goes on in the next"
			}
			return nil
		case l[0] == '[':
			n.format, n.why = formatJSONArray, n.why+"; it begins with a bracket"
			return nil
		case errors.Is(err, errLong):
			return &fileError{"E_HEADER", "the first line is too long to be the names of columns; put a line such as email,name above the rows"}
		default:
			n.format = formatCSV
			if d, ok := sepLine(line); ok && !n.sep {
				n.delim, n.sep, n.why = d, true, n.why+"; the first line names the delimiter"
				return nil
			}
			return n.findDelimiter(w, line)
		}
		w.pass(end, 1)
	}
}

// describe names the format with what it is packed in.
func (n nature) describe() string {
	if n.packed != "" && n.format != "" {
		return n.format + "+" + n.packed
	}
	return n.format
}

// extensions are the endings that promise a format.
var extensions = map[string][]string{
	".csv": {formatCSV}, ".tsv": {formatCSV}, ".jsonl": {formatJSONL, formatJSONStream}, ".ndjson": {formatJSONL, formatJSONStream},
	".json": {formatJSONArray, formatJSONL, formatJSONStream}, ".xlsx": {formatXLSX}, ".xls": {formatXLSX}, ".xlsm": {formatXLSX},
}

// disagrees says when a file's name promises something else than what is in it.
func (n nature) disagrees(name string) (note string, yes bool) {
	name = strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst", ".zip"} {
		name = strings.TrimSuffix(name, packed)
	}
	promised, known := extensions[filepath.Ext(name)]
	if !known || n.format == "" || slices.Contains(promised, n.format) {
		return "", false
	}
	return fmt.Sprintf("the name ends in %s, but the content is %s and was read as that", filepath.Ext(name), n.format), true
}
