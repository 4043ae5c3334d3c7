package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// record is one row as it stands in the file: values by column, or why it cannot
// be read.
type record struct {
	number int // 1 is the first after the header; blank lines are not counted
	line   int
	values map[string]string // canonical columns
	attrs  map[string]string // all others
	cells  []string          // as they stand, for the refused rows
	bad    *rowError
}

// rowError is one thing that is wrong with a row.
type rowError struct{ Code, Field, Reason string }

// records reads a file's rows one after the other.
type records struct {
	nature  nature
	header  *header // of CSV, and the columns of refused rows
	blank   int
	number  int
	lines   *splitter
	columns []string
}

func newRecords(ctx context.Context, f *os.File, n nature) (*records, error) {
	r := &records{nature: n, lines: newSplitter(n.text(ctx, f), n.delim)}
	if n.format == formatJSONL {
		r.columns = []string{"_raw"}
		return r, nil
	}
	for {
		cells, _, raw, err := r.lines.next()
		if errors.Is(err, errQuote) || errors.Is(err, errLong) {
			return nil, &fileError{"E_HEADER", "the first line cannot be read: " + err.Error()}
		}
		if err != nil {
			return nil, err
		}
		if _, sep := sepLine(trimCell(raw)); cells == nil || sep {
			continue
		}
		if r.header, err = readHeader(cells); err != nil {
			return nil, err
		}
		for i, c := range r.header.cells {
			if !ownColumns[r.header.columns[i]] {
				r.columns = append(r.columns, c)
			}
		}
		return r, nil
	}
}

// next returns the next row; the error is io.EOF at the end, or one of the file.
func (r *records) next() (record, error) {
	for {
		if r.nature.format == formatJSONL {
			text, err := r.lines.readLine()
			switch {
			case errors.Is(err, errLong):
			case err != nil:
				return record{}, err
			case trimCell(text) == "":
				r.blank++
				continue
			}
			r.number++
			return jsonRecord(r.number, r.lines.line, text, err), nil
		}
		cells, line, raw, err := r.lines.next()
		rowLevel := errors.Is(err, errQuote) || errors.Is(err, errLong)
		if err != nil && !rowLevel {
			return record{}, err
		}
		if err == nil && cells == nil {
			r.blank++
			continue
		}
		r.number++
		if rowLevel {
			code := "E_QUOTE"
			if errors.Is(err, errLong) {
				code = "E_TOO_LONG"
			}
			return record{number: r.number, line: line, cells: []string{raw}, bad: &rowError{code, "", err.Error()}}, nil
		}
		return r.csvRecord(cells, line), nil
	}
}

func (r *records) csvRecord(cells []string, line int) record {
	rec := record{number: r.number, line: line, values: map[string]string{}, attrs: map[string]string{}}
	for len(cells) > len(r.header.cells) && trimCell(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1] // spreadsheets add empty ones
	}
	var escaped []string
	if e := r.header.escaped; e >= 0 && e < len(cells) {
		escaped = strings.Fields(cells[e])
	}
	for i, c := range cells {
		if i >= len(r.header.cells) {
			break
		}
		column, name := r.header.columns[i], r.header.cells[i]
		if ownColumns[column] {
			continue
		}
		if slices.Contains(escaped, fmt.Sprint(i)) {
			c = strings.TrimPrefix(c, "'")
		}
		rec.cells = append(rec.cells, c)
		if c = trimCell(c); c == "" {
			continue
		}
		if column != "" {
			rec.values[column] = c
		} else if name != "" {
			rec.attrs[name] = c
		}
	}
	if len(cells) != len(r.header.cells) {
		rec.cells = cells
		rec.bad = &rowError{"E_COLUMN_COUNT", "", fmt.Sprintf("the row has %d columns, the header has %d", len(cells), len(r.header.cells))}
	}
	return rec
}

// jsonRecord reads one line of JSON Lines.
func jsonRecord(number, line int, text string, err error) record {
	rec := record{number: number, line: line, cells: []string{text}, values: map[string]string{}, attrs: map[string]string{}}
	if err != nil {
		rec.bad = &rowError{"E_TOO_LONG", "", err.Error()}
		return rec
	}
	var object map[string]json.RawMessage
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&object); err != nil || object == nil || d.InputOffset() < int64(len(strings.TrimRight(text, " \t"))) {
		rec.bad = &rowError{"E_JSON", "", "the line is not one JSON object"}
		return rec
	}
	for key, raw := range object {
		value := jsonText(raw)
		if value = trimCell(value); value == "" || ownColumns[key] {
			continue
		}
		column := canonical(key)
		switch {
		case column == "":
			rec.attrs[key] = value
		case rec.values[column] != "":
			rec.bad = &rowError{"E_JSON", column, "two keys mean " + column}
		default:
			rec.values[column] = value
		}
	}
	return rec
}

// jsonText is a value as text: strings without quotes, null as nothing, anything
// else as it stands.
func jsonText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if bytes.Equal(raw, []byte("null")) {
		return ""
	}
	return string(raw)
}

// readAll calls each with every row, and returns the blank lines.
func readAll(ctx context.Context, f *os.File, n nature, each func(*records, record) error) (blank int, err error) {
	r, err := newRecords(ctx, f, n)
	if err != nil {
		return 0, err
	}
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return r.blank, nil
		}
		if err != nil {
			return r.blank, err
		}
		if err := each(r, rec); err != nil {
			return r.blank, err
		}
	}
}
