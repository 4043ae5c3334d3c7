package table

import (
	"fmt"
	"slices"
	"strings"
)

// Record is a row with its values by what they mean.
type Record struct {
	Number, Line int
	Values       [Columns]string
	Attributes   []Attribute // any other column, in the order of the file
	Bad          *RowError   // why the row has no values
}

// Attribute is a value under a title that has no meaning of its own.
type Attribute struct{ Name, Value string }

// Record finds the meaning of a row.
func (r *Rows) Record(rw Row) Record {
	rec := Record{Number: rw.Number, Line: rw.Line, Bad: rw.bad}
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

// Original are the row's cells as they stand, for the refused rows.
func (r *Rows) Original(rw Row) []string {
	if r.header == nil {
		return []string{rw.object}
	}
	whole := rw.bad != nil || len(rw.cells) > len(r.header.cells)
	var out []string
	for i, c := range r.header.unescaped(rw.cells) {
		if whole || r.header.columns[i] != columnOwn {
			out = append(out, strings.ToValidUTF8(c, "\ufffd")) // the file of refused rows is UTF-8
		}
	}
	return out
}

func (rec *Record) readCells(h *header, rw Row) {
	cells := h.unescaped(rw.cells)
	for len(cells) > len(h.cells) && trimCell(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1] // spreadsheets add empty ones
	}
	// Spreadsheets also leave out empty ones. When what is missing can only be
	// attributes, and the file was not cut off here, that is what happened.
	if len(cells) > len(h.cells) || len(cells) < len(h.cells) && !rw.padded && (len(cells) < h.needed || rw.cut) {
		rec.Bad = &RowError{"E_COLUMN_COUNT", "", fmt.Sprintf("the row has %d columns, the header has %d", len(cells), len(h.cells))}
		return
	}
	for i, c := range cells {
		if c = trimCell(c); c == "" || c == `\N` { // the latter is what databases write for nothing
			continue
		}
		switch column := h.columns[i]; column {
		case columnOwn:
		case columnAttribute:
			if rec.Attributes == nil {
				rec.Attributes = make([]Attribute, 0, len(cells)-i)
			}
			rec.Attributes = append(rec.Attributes, Attribute{h.cells[i], c})
		default:
			rec.Values[column] = c
		}
	}
}

func (rec *Record) readObject(text string) {
	members, err := readObject(text)
	if err != nil {
		rec.Bad = &RowError{"E_JSON", "", err.Error()}
		return
	}
	for i, m := range members {
		if slices.ContainsFunc(members[:i], func(e member) bool { return e.key == m.key }) {
			rec.Bad = &RowError{"E_JSON", "", "a key stands twice in the object"}
			return
		}
		value := trimCell(m.value)
		if value == "" || ownColumns[m.key] {
			continue
		}
		switch column := canonical(m.key); {
		case column == columnAttribute:
			rec.Attributes = append(rec.Attributes, Attribute{m.key, value})
		case rec.Values[column] != "":
			rec.Bad = &RowError{"E_JSON", columnNames[column], "two keys mean " + columnNames[column]}
			return
		default:
			rec.Values[column] = value
		}
	}
}
