package table

import (
	"context"
	"errors"
	"io"
	"os"
)

// Rows reads a file's rows one after the other.
type Rows struct {
	Columns  []string // of what Original gives back
	Blank    int      // rows that had nothing in them, so far
	Number   int      // of the last row that was read
	Warnings Warnings // about the rows so far; of the one that calls Next

	header *header // nil of JSON
	keys   *keys   // of JSON, and of rows that hold objects
	read   func() (Row, error)
	place  func() (offset int64, line int) // nil where the file cannot seek
	close  func()
	table
}

// Open begins to read the rows of a file. Its error may be a *FileError.
func (t File) Open(ctx context.Context, f *os.File) (r *Rows, err error) {
	r = &Rows{close: func() {}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if t.Format == FormatXLSX {
		book, done, err := t.workbook(ctx, f)
		if err != nil {
			return r, err
		}
		r.close = done
		s, err := openSheet(book, t.sheet, t.layout)
		if err != nil {
			return r, err
		}
		r.read, r.close, r.hidden = s.read, func() { s.close(); done() }, t.HiddenRows
		err = r.readHeader(t)
		s.below()
		return r, err
	}
	text, done, err := t.text(ctx, f)
	if err != nil {
		return r, err
	}
	r.close = done
	t.readText(r, newWindow(text))
	if t.Format != FormatCSV {
		r.Columns, r.keys = []string{colRaw}, keysOf(t.header)
		return r, nil
	}
	r.keys = keysOf(t.objects)
	return r, r.readHeader(t)
}

// readText makes rows of text.
func (t File) readText(r *Rows, w *window) {
	if t.Format == FormatCSV {
		r.read = csvReader{&splitter{window: w, delim: t.Delimiter, quotes: t.quotes}}.read
	} else {
		r.read = jsonReader{&jsonObjects{window: w, format: t.Format, at: t.nesting}}.read
	}
	if t.seekable() {
		r.place = w.place
	}
}

// seekable reports whether bytes of the file are bytes of its text, and one row
// tells nothing about the next.
func (t File) seekable() bool {
	return t.Packed == "" && t.Encoding == UTF8 && (t.Format == FormatCSV || t.Format == FormatJSONL)
}

// OpenAt is Open with the rows from a position on. Where the file can seek, those
// before it are not read; anywhere else, they are skipped by their number.
func (t File) OpenAt(ctx context.Context, f *os.File, from Position) (*Rows, error) {
	r, err := t.Open(ctx, f)
	if err != nil {
		return r, err
	}
	if from.Offset > 0 && r.place != nil {
		w := newWindow(until(ctx, io.NewSectionReader(f, int64(t.bom)+from.Offset, 1<<62)))
		w.base, w.line = from.Offset, from.Line
		if from.Titles > 0 {
			if err := t.readTitlesAt(ctx, f, r, from.Titles); err != nil {
				r.close()
				return r, err
			}
		}
		t.readText(r, w)
		r.Number, r.begun, r.endAt = from.Record, from.Record > 0, from.Offset
		return r, nil
	}
	for r.Number < from.Record {
		if _, err := r.Next(); err != nil {
			r.close()
			return r, err
		}
	}
	return r, nil
}

// readHeader reads the row with the titles.
func (r *Rows) readHeader(t File) error {
	skip := t.above
	if t.sep {
		skip++
	}
	for {
		row, err := r.read()
		if errors.Is(err, io.EOF) {
			return Unusable("E_EMPTY", "the file has no rows; drop it again with its rows")
		}
		if err != nil {
			return err
		}
		if row.bad == nil && row.blank() {
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		if row.bad != nil {
			return &FileError{"E_HEADER", "the first line cannot be read: " + row.bad.Reason}
		}
		if t.short {
			row.cells = append([]string{""}, row.cells...)
		}
		if r.header = t.header; r.header == nil {
			r.header, err = readHeader(row.cells, t.Known.of)
		}
		if err == nil {
			r.Columns = r.header.kept()
			if r.place != nil {
				r.endAt, _ = r.place()
			}
		}
		return err
	}
}

// Next returns the next row that is not blank; the error is io.EOF at the end, or
// one of the file.
func (r *Rows) Next() (Row, error) {
	for {
		rw, err := r.rawRow()
		if err != nil {
			return Row{}, err
		}
		if r.afterGap = rw.blank(); r.afterGap {
			r.Blank++
			continue
		}
		if r.header != nil {
			part, err := r.understand(&rw)
			if err != nil {
				return Row{}, err
			}
			if !part {
				continue
			}
		}
		r.Number++
		rw.Number = r.Number
		rw.End.Record = r.Number
		rw.End.Titles = r.titlesAt
		return rw, nil
	}
}

// csvReader makes rows of CSV.
type csvReader struct{ *splitter }

func (c csvReader) read() (Row, error) {
	r, err := c.next()
	out := Row{Line: r.line, cells: r.fields, cut: r.cut}
	switch {
	case errors.Is(err, errQuote):
		out.bad = &RowError{"E_QUOTE", "", err.Error()}
	case errors.Is(err, errLong), errors.Is(err, errColumns):
		out.bad = &RowError{"E_TOO_LONG", "", err.Error()}
	case err != nil:
		return Row{}, err
	}
	if out.bad != nil {
		out.cells = []string{r.raw}
	}
	return out, nil
}

// jsonReader makes rows of JSON.
type jsonReader struct{ *jsonObjects }

func (j jsonReader) read() (Row, error) {
	text, line, err := j.next()
	out := Row{Line: line, object: text}
	switch {
	case errors.Is(err, errLong):
		out.bad = &RowError{"E_TOO_LONG", "", "the object is too long"}
	case errors.Is(err, errObject):
		out.bad = &RowError{"E_JSON", "", err.Error()}
	case err != nil:
		return Row{}, err
	}
	return out, nil
}

// Close lets go of what reading took. It is needed once Open has succeeded.
func (r *Rows) Close() { r.close() }
