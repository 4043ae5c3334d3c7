package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Mendable are refused rows as a person mends them: the cells as they were in the file,
// without what Refused adds to them.
type Mendable struct {
	Columns []string // their titles
	Rows    []MendableRow
}

// MendableRow is one of them, with what is wrong.
type MendableRow struct {
	Number, Line int // in the file that it came from
	Cells        []string
	Codes        []string
	Fields       []string // titles or meanings of what is wrong, as Codes has it
	Reason       string
}

// ErrManyRows is returned by ReadRefused for more rows than were asked for.
var ErrManyRows = errors.New("these are too many rows")

// ReadRefused reads what Refused has written, most rows at most.
func ReadRefused(from io.Reader, most int) (m Mendable, err error) {
	r := csv.NewReader(from)
	titles, err := r.Read()
	if err != nil {
		return m, fmt.Errorf("the titles of the refused rows: %w", err)
	}
	h := newHeader(titles)
	own := slices.Index(h.cells, colRow)
	if own < 0 || len(titles)-own != len(ownColumns) || h.escaped < 0 {
		return m, errors.New("these are no refused rows")
	}
	m.Columns = h.cells[:own]
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, fmt.Errorf("refused row %d: %w", len(m.Rows)+1, err)
		}
		if len(m.Rows) == most {
			return m, ErrManyRows
		}
		of := func(column string) string { return cells[own+slices.Index(h.cells[own:], column)] }
		rw := MendableRow{Cells: h.unescaped(cells)[:own], Codes: strings.Fields(of(colCode)), Fields: strings.Fields(unescapeTitle(of(colField))), Reason: of(colReason)}
		if rw.Number, err = strconv.Atoi(of(colRow)); err == nil {
			rw.Line, err = strconv.Atoi(of(colLine))
		}
		if err != nil {
			return m, fmt.Errorf("refused row %d: %w", len(m.Rows)+1, err)
		}
		m.Rows = append(m.Rows, rw)
	}
}

// Write gives the rows back in the form of Refused, with nothing wrong about them.
func (m Mendable) Write(to io.Writer) error {
	out, err := NewRefused(to, m.Columns)
	for _, rw := range m.Rows {
		if err == nil {
			err = out.Add(Record{Number: rw.Number, Line: rw.Line}, rw.Cells, nil)
		}
	}
	if err != nil {
		return err
	}
	return out.Flush()
}
