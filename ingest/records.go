package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// row is one record as it was read from a file, before anything about it was
// judged.
type row struct {
	number int // 1 is the first after the header; blank ones are not counted
	line   int // on which it begins
	cells  []string
	object string    // of JSON, instead of cells
	cut    bool      // the file ends within it, without a line end
	padded bool      // empty cells at its end are left out
	bad    *rowError // why it cannot be read
	end    position  // where the next one begins
}

// position is a place between two rows of a file: where reading can go on.
type position struct {
	Record int   `json:"record"`           // the last one before it
	Offset int64 `json:"offset,omitempty"` // of the next one, in bytes after the byte order mark; 0 where the file cannot seek
	Line   int   `json:"line,omitempty"`   // the last one before it
}

// blank reports whether the row has nothing in it.
func (r row) blank() bool {
	if r.object != "" || r.bad != nil {
		return false
	}
	for _, c := range r.cells {
		if trimCell(c) != "" {
			return false
		}
	}
	return true
}

// rowError is one thing that is wrong with a row.
type rowError struct{ Code, Field, Reason string }

// records reads a file's rows one after the other.
type records struct {
	header  *header  // nil of JSON
	columns []string // of refused rows
	blank   int
	number  int
	read    func() (row, error)
	place   func() (offset int64, line int) // nil where the file cannot seek
	close   func()
}

// open begins to read the rows of a file. Its error may be a *fileError.
func (n nature) open(ctx context.Context, f *os.File) (r *records, err error) {
	r = &records{close: func() {}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if n.format == formatXLSX {
		book, done, err := n.workbook(ctx, f)
		if err != nil {
			return r, err
		}
		r.close = done
		s, err := openSheet(book, n.sheet)
		if err != nil {
			return r, err
		}
		r.read, r.close = s.read, func() { s.close(); done() }
		return r, r.readHeader(false)
	}
	text, done, err := n.text(ctx, f)
	if err != nil {
		return r, err
	}
	r.close = done
	n.readText(r, newWindow(text))
	if n.format != formatCSV {
		r.columns = []string{colRaw}
		return r, nil
	}
	return r, r.readHeader(n.sep)
}

// readText makes rows of text.
func (n nature) readText(r *records, w *window) {
	if n.format == formatCSV {
		r.read = csvReader{&splitter{window: w, delim: n.delim}}.read
	} else {
		r.read = jsonReader{&jsonObjects{window: w, format: n.format}}.read
	}
	if n.seekable() {
		r.place = w.place
	}
}

// seekable reports whether bytes of the file are bytes of its text, and one row
// tells nothing about the next.
func (n nature) seekable() bool {
	return n.packed == "" && n.encoding == encodingUTF8 && (n.format == formatCSV || n.format == formatJSONL)
}

// openAt is open with the rows from a position on. Where the file can seek, those
// before it are not read; anywhere else, they are skipped by their number.
func (n nature) openAt(ctx context.Context, f *os.File, from position) (*records, error) {
	r, err := n.open(ctx, f)
	if err != nil {
		return r, err
	}
	if from.Offset > 0 && r.place != nil {
		w := newWindow(until(ctx, io.NewSectionReader(f, int64(n.bom)+from.Offset, 1<<62)))
		w.base, w.line = from.Offset, from.Line
		n.readText(r, w)
		r.number = from.Record
		return r, nil
	}
	for r.number < from.Record {
		if _, err := r.next(); err != nil {
			r.close()
			return r, err
		}
	}
	return r, nil
}

// readHeader reads the first row that is not blank, or the second one.
func (r *records) readHeader(skip bool) error {
	for {
		first, err := r.read()
		if errors.Is(err, io.EOF) {
			return &fileError{"E_EMPTY", "the file has no rows; drop it again with its rows"}
		}
		if err != nil {
			return err
		}
		if first.bad != nil {
			return &fileError{"E_HEADER", "the first line cannot be read: " + first.bad.Reason}
		}
		if first.blank() {
			continue
		}
		if skip {
			skip = false // Excel's sep=;
			continue
		}
		if r.header, err = readHeader(first.cells); err == nil {
			r.columns = r.header.own()
		}
		return err
	}
}

// next returns the next row that is not blank; the error is io.EOF at the end, or
// one of the file.
func (r *records) next() (row, error) {
	for {
		rw, err := r.read()
		if err != nil {
			return row{}, err
		}
		if rw.blank() {
			r.blank++
			continue
		}
		r.number++
		rw.number = r.number
		rw.end.Record = r.number
		if r.place != nil {
			rw.end.Offset, rw.end.Line = r.place()
		}
		return rw, nil
	}
}

// csvReader makes rows of CSV.
type csvReader struct{ *splitter }

func (c csvReader) read() (row, error) {
	r, err := c.next()
	out := row{line: r.line, cells: r.fields, cut: r.cut}
	switch {
	case errors.Is(err, errQuote):
		out.bad = &rowError{"E_QUOTE", "", err.Error()}
	case errors.Is(err, errLong), errors.Is(err, errColumns):
		out.bad = &rowError{"E_TOO_LONG", "", err.Error()}
	case err != nil:
		return row{}, err
	}
	if out.bad != nil {
		out.cells = []string{r.raw}
	}
	return out, nil
}

// jsonReader makes rows of JSON.
type jsonReader struct{ *jsonObjects }

func (j jsonReader) read() (row, error) {
	text, line, err := j.next()
	out := row{line: line, object: text}
	switch {
	case errors.Is(err, errLong):
		out.bad = &rowError{"E_TOO_LONG", "", "the object is too long"}
	case errors.Is(err, errObject):
		out.bad = &rowError{"E_JSON", "", err.Error()}
	case err != nil:
		return row{}, err
	}
	return out, nil
}

// record is a row with its values by what they mean.
type record struct {
	number, line int
	values       [columnsKnown]string
	attrs        []attribute
	cells        []string // as they stand, for the refused rows
	bad          *rowError
}

type attribute struct{ name, value string }

// record finds the meaning of a row.
func (r *records) record(rw row) record {
	rec := record{number: rw.number, line: rw.line, bad: rw.bad}
	switch {
	case rw.bad != nil:
	case rw.object != "":
		rec.readObject(rw.object)
	case r.header.raw >= 0 && r.header.raw < len(rw.cells) && trimCell(rw.cells[r.header.raw]) != "":
		rec.readObject(trimCell(r.header.unescaped(rw.cells)[r.header.raw]))
	default:
		rec.readCells(r.header, rw)
	}
	return rec
}

// original are the row's cells as they stand, for the refused rows.
func (r *records) original(rw row) []string {
	if r.header == nil {
		return []string{rw.object}
	}
	whole := rw.bad != nil || len(rw.cells) > len(r.header.cells)
	var out []string
	for i, c := range r.header.unescaped(rw.cells) {
		if whole || r.header.columns[i] != colOwn {
			out = append(out, strings.ToValidUTF8(c, "\ufffd")) // the file of refused rows is UTF-8
		}
	}
	return out
}

// unescaped are the cells without the apostrophes that usher put before them.
func (h *header) unescaped(cells []string) []string {
	if h.escaped < 0 || h.escaped >= len(cells) || cells[h.escaped] == "" {
		return cells
	}
	cells = slices.Clone(cells)
	for _, index := range strings.Fields(cells[h.escaped]) {
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(cells) {
			cells[i] = strings.TrimPrefix(cells[i], "'")
		}
	}
	return cells
}

func (rec *record) readCells(h *header, rw row) {
	cells := h.unescaped(rw.cells)
	for len(cells) > len(h.cells) && trimCell(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1] // spreadsheets add empty ones
	}
	// Spreadsheets also leave out empty ones. When what is missing can only be
	// attributes, and the file was not cut off here, that is what happened.
	if len(cells) > len(h.cells) || len(cells) < len(h.cells) && !rw.padded && (len(cells) < h.needed || rw.cut) {
		rec.bad = &rowError{"E_COLUMN_COUNT", "", fmt.Sprintf("the row has %d columns, the header has %d", len(cells), len(h.cells))}
		return
	}
	for i, c := range cells {
		if c = trimCell(c); c == "" || c == `\N` { // the latter is what databases write for nothing
			continue
		}
		switch column := h.columns[i]; column {
		case colOwn:
		case colAttribute:
			if rec.attrs == nil {
				rec.attrs = make([]attribute, 0, len(cells)-i)
			}
			rec.attrs = append(rec.attrs, attribute{h.cells[i], c})
		default:
			rec.values[column] = c
		}
	}
}

func (rec *record) readObject(text string) {
	members, err := readObject(text)
	if err != nil {
		rec.bad = &rowError{"E_JSON", "", err.Error()}
		return
	}
	for i, m := range members {
		if slices.ContainsFunc(members[:i], func(e member) bool { return e.key == m.key }) {
			rec.bad = &rowError{"E_JSON", "", "a key stands twice in the object"}
			return
		}
		value := trimCell(m.value)
		if value == "" || ownColumns[m.key] {
			continue
		}
		switch column := canonical(m.key); {
		case column == colAttribute:
			rec.attrs = append(rec.attrs, attribute{m.key, value})
		case rec.values[column] != "":
			rec.bad = &rowError{"E_JSON", columnNames[column], "two keys mean " + columnNames[column]}
			return
		default:
			rec.values[column] = value
		}
	}
}
