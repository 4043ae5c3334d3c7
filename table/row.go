package table

import (
	"strings"
	"unicode"
)

// Row is one record as it was read from a file, before anything about it was
// judged.
type Row struct {
	Number int      // 1 is the first after the header; blank ones are not counted
	Line   int      // on which it begins
	End    Position // where the next one begins

	cells  []string
	object string    // of JSON, instead of cells
	cut    bool      // the file ends within it, without a line end
	padded bool      // empty cells at its end are left out
	bad    *RowError // why it cannot be read
	sheet  *aside    // of XLSX, when there is something to say
}

// aside is what a sheet says about a row beside its values.
type aside struct {
	hidden  bool
	missing []int          // columns of formulas without a result
	filled  bool           // with values of merged cells
	links   map[int]string // e-mail addresses that cells lead to, by column
}

// Position is a place between two rows of a file: where reading can go on.
type Position struct {
	Record int   `json:"record"`           // the last one before it
	Offset int64 `json:"offset,omitempty"` // of the next one, in bytes after the byte order mark; 0 where the file cannot seek
	Line   int   `json:"line,omitempty"`   // the last one before it
	Titles int64 `json:"titles,omitempty"` // offset of the titles that are in force, when they are not the first
}

// blank reports whether the row has nothing in it.
func (r Row) blank() bool {
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

// RowError is one thing that is wrong with a row.
type RowError struct{ Code, Field, Reason string }

// trimCell drops the spaces around a cell, no-break ones and a stray byte order
// mark too.
func trimCell(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}
