package table

import (
	"encoding/csv"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Columns that usher adds to refused rows. They are left out when the rows come
// back; but a row whose colRaw has an object is that object.
const (
	colRow     = "_row"
	colLine    = "_line"
	colCode    = "_code"
	colField   = "_field"
	colReason  = "_reason"
	colEscaped = "_escaped"
	colRaw     = "_raw"
)

var ownColumns = map[string]bool{colRow: true, colLine: true, colCode: true, colField: true, colReason: true, colEscaped: true}

// Refused writes rows that were refused as CSV, so that they can be mended and
// read again as they are. Cells that a spreadsheet would take for a formula get an
// apostrophe, which is taken off when the row is read again.
type Refused struct {
	columns int
	w       *csv.Writer
}

// NewRefused writes the titles: the columns of the file, and those with the
// reasons.
func NewRefused(to io.Writer, columns []string) (*Refused, error) {
	r := &Refused{len(columns), csv.NewWriter(to)}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = escapeTitle(c)
	}
	return r, r.w.Write(append(titles, colRow, colLine, colCode, colField, colReason, colEscaped))
}

// Add writes the cells of a row, as Rows.Original gives them, with all that is
// wrong with it.
func (r *Refused) Add(rec Record, cells []string, errs []RowError) error {
	row := slices.Clone(cells)
	for len(row) < r.columns {
		row = append(row, "")
	}
	if len(row) > r.columns { // what is too much stays, in the last cell
		row = append(row[:r.columns-1], strings.Join(row[r.columns-1:], " "))
	}
	var escaped, codes, fields, reasons []string
	for i, c := range row {
		if isFormula(c) && !plainPhone.MatchString(c) {
			row[i] = "'" + c
			escaped = append(escaped, strconv.Itoa(i))
		}
	}
	for _, e := range errs {
		codes, fields, reasons = append(codes, e.Code), append(fields, e.Field), append(reasons, e.Reason)
	}
	return r.w.Write(append(row, strconv.Itoa(rec.Number), strconv.Itoa(rec.Line),
		strings.Join(codes, " "), escapeTitle(strings.Join(fields, " ")), strings.Join(reasons, "; "), strings.Join(escaped, " ")))
}

// Returned reports whether the rows are some that were refused before and come back.
func (r *Rows) Returned() bool { return r.header != nil && r.header.escaped >= 0 }

// Flush writes what is still in memory.
func (r *Refused) Flush() error {
	r.w.Flush()
	return r.w.Error()
}

// unescaped are the cells without the apostrophes that Add put before them.
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

// plainPhone is the one kind of cell that may begin with a plus.
var plainPhone = regexp.MustCompile(`^\+[0-9]{7,15}$`)

// isFormula reports whether a spreadsheet would take a cell for a formula.
func isFormula(cell string) bool {
	return cell != "" && strings.ContainsRune("=+-@\t\r\uff1d\uff0b\uff0d\uff20", []rune(cell)[0])
}

// escapeTitle puts an apostrophe before the title of a column that would be taken
// for a formula, now or without apostrophes that stand there, so that unescapeTitle
// always gives the title back.
func escapeTitle(c string) string {
	if isFormula(strings.TrimLeft(c, "'")) {
		return "'" + c
	}
	return c
}

func unescapeTitle(c string) string {
	if isFormula(strings.TrimLeft(c, "'")) {
		return strings.TrimPrefix(c, "'")
	}
	return c
}
