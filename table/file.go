package table

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
)

// Formats as reports name them; what a file is packed in is added with a plus.
const (
	FormatCSV        = "csv"
	FormatJSONL      = "jsonl"
	FormatJSONStream = "json-stream" // objects one after the other, over several lines
	FormatJSONArray  = "json"
	FormatXLSX       = "xlsx"
)

// File is what a file is, found by reading its bytes. The name counts for
// nothing.
type File struct {
	Digest    string // SHA-256 of the bytes as they lie there, in lower-case hexadecimal
	Size      int64  // in bytes
	Packed    string // in what, or ""
	Format    string
	Encoding  string
	Delimiter byte     // of CSV, else 0
	Why       string   // how format, encoding and delimiter were told
	Warnings  Warnings // what may be wrong with it although it can be read; more may come with its rows
	Columns   []Use    // what each column was taken for; of Understand
	Titles    []string // of the columns, or the keys of the first objects; of Understand
	Known     Known    // beside that
	Mapping   Mapping  // what Known says of just these titles; of Understand

	// HiddenRows is what its reader wants done with hidden rows of XLSX.
	HiddenRows HiddenRows

	bom     int       // bytes to skip
	sep     bool      // the first line is Excel's sep=;
	above   int       // rows above the titles that have something in them
	short   bool      // the titles lack one for the first column
	quotes  quoting   // of CSV
	nesting nesting   // of JSON
	sheet   sheetPart // of XLSX
	layout  layout    // of that sheet
	header  *header   // with what Understand found; of JSON, its keys
	objects *header   // of JSON in rows that were refused before: the keys of its objects
	tmp     string    // folder for what must be unpacked to the disk
}

// FileError refuses a whole file: a stable code and a sentence that says what to
// do. Nothing of the file is published.
type FileError struct{ Code, Text string }

func (e *FileError) Error() string { return e.Code + ": " + e.Text }

// Unusable makes a FileError of a code and a sentence, which is formatted when
// there are args.
func Unusable(code, sentence string, args ...any) error {
	if len(args) > 0 {
		sentence = fmt.Sprintf(sentence, args...)
	}
	return &FileError{code, sentence}
}

// FileCodes are the codes of a FileError that this package makes.
var FileCodes = []string{"E_EMPTY", "E_FORMAT", "E_HEADER", "E_JSON_ARRAY", "E_SHEETS", "E_TOO_BIG", "E_UNPACK"}

// RowCodes are the codes of a RowError that this package makes.
var RowCodes = []string{"E_COLUMN_COUNT", "E_EXCEL_FORMULA", "E_EXCEL_HIDDEN", "E_JSON", "E_NUMBER_LIMIT", "E_QUOTE", "E_TOO_LONG", "E_VALUE"}

// Inspect reads the file once; tmp is a folder that it may make for what has to
// be unpacked to the disk, and known helps to find the titles. The error is a *FileError
// when the file cannot be an import; the digest is there even then.
func Inspect(ctx context.Context, f *os.File, tmp string, known Known) (File, error) {
	t := File{tmp: tmp, Known: known}
	head, err := readHead(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return t, err
	}
	t.Packed = Packing(head)
	sum, check := sha256.New(), &utf8Check{}
	to := io.Writer(sum)
	if t.Packed == "" {
		to = io.MultiWriter(sum, check)
	}
	if t.Size, err = io.CopyBuffer(onlyWriter{to}, until(ctx, io.NewSectionReader(f, 0, 1<<62)), make([]byte, blockSize)); err != nil {
		return t, err
	}
	t.Digest = hex.EncodeToString(sum.Sum(nil))
	if t.Size == 0 {
		return t, Unusable("E_EMPTY", "the file is empty; drop it again with its rows")
	}
	if t.Packed == Zip {
		if r, err := zip.NewReader(f, t.Size); err == nil && isWorkbook(r) {
			t.Packed, t.Format = "", FormatXLSX
		}
	}
	if t.Packed != "" {
		if head, err = t.lookInside(ctx, f, check); err != nil {
			return t, err
		}
	}
	if t.Format == FormatXLSX {
		return t, t.inspectWorkbook(ctx, f)
	}
	if err := t.findEncoding(head, check); err != nil {
		return t, err
	}
	return t, t.findFormat(ctx, f, check)
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
func (t *File) lookInside(ctx context.Context, f *os.File, check *utf8Check) ([]byte, error) {
	u, err := unpack(ctx, f, t.Size, t.Packed)
	if err != nil {
		return nil, err
	}
	defer u.close()
	head, err := readHead(u)
	if err != nil {
		return nil, err
	}
	switch Packing(head) {
	case Zip:
		t.Format = FormatXLSX // or nothing that usher reads, which openWorkbook tells
		return head, nil
	case "":
	default:
		return nil, Unusable("E_FORMAT", "the file is packed twice; unpack it and drop what is inside")
	}
	if len(head) == 0 {
		return nil, Unusable("E_EMPTY", "the file inside is empty; drop it again with its rows")
	}
	_, err = io.CopyBuffer(onlyWriter{check}, io.MultiReader(bytes.NewReader(head), u), make([]byte, blockSize))
	return head, err
}

// inspectWorkbook finds the sheet to read.
func (t *File) inspectWorkbook(ctx context.Context, f *os.File) error {
	t.Encoding = UTF8
	book, done, err := t.workbook(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	t.Why = "it is a ZIP file with a workbook in it"
	c, err := chooseSheet(book, t.Known, &t.Warnings)
	t.sheet, t.layout, t.above, t.Titles = c.sheet, c.layout, c.above, unreadTitles(c.unread)
	return err
}

// findFormat tells JSON from CSV by the first character, and finds the delimiter
// of CSV.
func (t *File) findFormat(ctx context.Context, f *os.File, check *utf8Check) error {
	text, done, err := t.text(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	w := newWindow(text)
	for {
		line, end, _, err := w.lineAt(0, maxLine)
		switch {
		case errors.Is(err, io.EOF):
			return Unusable("E_EMPTY", "the file has no rows; drop it again with its rows")
		case errors.Is(err, errLong):
			line = strings.Clone(w.rest()[:min(len(w.rest()), kept)])
		case err != nil:
			return err
		}
		l := strings.TrimLeft(trimCell(line), "\x1e")
		switch {
		case l == "":
		case l[0] == '{':
			t.Format, t.Why = FormatJSONL, t.Why+"; the first line is an object"
			if new(balance).feed(l, 0) < 0 && err == nil {
				t.Format, t.Why = FormatJSONStream, t.Why+" that goes on in the next"
			}
			return t.findRecords(ctx, f)
		case l[0] == '[':
			t.Format, t.Why = FormatJSONArray, t.Why+"; it begins with a bracket"
			return nil
		case errors.Is(err, errLong):
			return Unusable("E_HEADER", "the first line is too long to be the names of columns; put a line such as email,name above the rows")
		default:
			t.Format = FormatCSV
			candidates := delimiters
			if d, ok := sepLine(line); ok {
				t.sep, t.Why, candidates = true, t.Why+"; the first line names the delimiter", string(d)
				w.pass(end, 1)
			}
			if err := t.findTitles(w, candidates); err != nil {
				return err
			}
			return t.findQuotes(ctx, f, check)
		}
		w.pass(end, 1)
	}
}

// Describe names the format with what it is packed in, such as csv+gzip.
func (t File) Describe() string {
	if t.Packed != "" && t.Format != "" {
		return t.Format + "+" + t.Packed
	}
	return t.Format
}

// extensions are the endings that promise a format.
var extensions = map[string][]string{
	".csv": {FormatCSV}, ".tsv": {FormatCSV}, ".jsonl": {FormatJSONL, FormatJSONStream}, ".ndjson": {FormatJSONL, FormatJSONStream},
	".json": {FormatJSONArray, FormatJSONL, FormatJSONStream}, ".xlsx": {FormatXLSX}, ".xls": {FormatXLSX}, ".xlsm": {FormatXLSX},
}

// Disagrees says when a file's name promises something else than what is in it.
func (t File) Disagrees(name string) (note string, yes bool) {
	name = strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst", ".zip"} {
		name = strings.TrimSuffix(name, packed)
	}
	promised, known := extensions[filepath.Ext(name)]
	if !known || t.Format == "" || slices.Contains(promised, t.Format) {
		return "", false
	}
	return fmt.Sprintf("the name ends in %s, but the content is %s and was read as that", filepath.Ext(name), t.Format), true
}

// How many rows are asked what their cells hold, and how many bytes of them.
const (
	sampled      = 200
	sampledBytes = 1 << 20
)

// Understand finds what each column means, by its title and by what the cells of the
// first rows hold. What is Known overrules both. Open then reads the rows so. The error
// is a *FileError when a column that is needed cannot be told.
func (t *File) Understand(ctx context.Context, f *os.File) error {
	r, err := t.Open(ctx, f)
	if err != nil {
		return err
	}
	defer r.Close()
	h := r.header
	var rows []Row
	for size := 0; len(rows) < sampled && size < sampledBytes; {
		rw, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if rw.bad == nil {
			rows = append(rows, rw)
			size += len(rw.object)
			for _, c := range rw.cells {
				size += len(c)
			}
		}
	}
	if h == nil {
		h = headerOfObjects(rows)
	}
	mapping, err := t.Known.of(h.kept())
	if t.Mapping = mapping; err != nil {
		return err
	}
	if h.raw >= 0 && !mapping.names(h) {
		return t.understandObjects(h, rows)
	}
	var v votes
	t.Titles = h.kept()
	if len(rows) > 0 {
		v = votesOf(h, rows)
	} else if r.header == nil {
		return nil
	}
	err = h.decide(v, mapping)
	if t.report(h, v); err != nil {
		return err
	}
	t.warn(h)
	t.header = h
	return nil
}

// understandObjects does the same for refused rows of JSON that come back, each of
// which is an object. They may be few, and lack what other objects have: that is said
// of each.
func (t *File) understandObjects(h *header, rows []Row) error {
	var objects []Row
	for _, rw := range rows {
		if cells := h.unescaped(rw.cells); h.raw < len(cells) && strings.HasPrefix(trimCell(cells[h.raw]), "{") {
			objects = append(objects, Row{object: trimCell(cells[h.raw])})
		}
	}
	if len(objects) == 0 {
		return nil
	}
	t.objects = headerOfObjects(objects)
	mapping, err := t.Known.of(t.objects.kept())
	if t.Mapping = mapping; err != nil {
		return err
	}
	v := votesOf(t.objects, objects)
	_ = t.objects.decide(v, mapping) // see above
	t.report(t.objects, v)
	t.warn(t.objects)
	return nil
}

// report keeps what the columns were taken for, and what words mean in them.
func (t *File) report(h *header, v votes) {
	h.words = words{v.nothing(h.columns), v.cutNumbers(h.columns)}
	t.Columns = nil
	for i, u := range h.uses {
		if h.columns[i] != columnOwn {
			t.Columns = append(t.Columns, u)
		}
	}
}

// warn tells what a person should look at in how the columns were taken.
func (t *File) warn(h *header) {
	for _, w := range h.warnings() {
		t.Warnings.Add(w.Code, w.Text, 0)
	}
}
