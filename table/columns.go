package table

import (
	"fmt"
	"slices"
	"strings"
)

// Column is what a column means.
type Column int

// Canonical columns.
const (
	UserID Column = iota
	Name
	Email
	Phone
	Locale
	FirstName // with LastName, a name
	LastName
	Columns // how many there are

	columnAttribute Column = -1 // any other column
	columnOwn       Column = -2 // one that usher added to refused rows
	columnSecret    Column = -3 // one whose cells may be passwords or the like, which are never published
	columnIgnored   Column = -4 // one that a mapping leaves out
)

var columnNames = [Columns]string{"user_id", "name", "email", "phone", "locale", "first_name", "last_name"}

// String is the column as events and reports name it.
func (c Column) String() string { return columnNames[c] }

// header is the row with the titles, understood.
type header struct {
	cells     []string // as they stand
	columns   []Column // canonical, or one of the others
	otherwise []choice // columns that count where the one before them has nothing, in order
	needed    int      // how many cells a row has at least; columns after that are attributes
	escaped   int      // index of the column that lists cells to unescape, or -1
	raw       int      // index of the column with objects of JSON, or -1
	alike     []string // pairs of columns that may mean the same
	words     words    // what values mean in this file
	uses      []Use    // what each column was taken for

	idsAreAddresses bool // the column of ids holds e-mail addresses
}

// choice is a column that may be read for a meaning.
type choice struct {
	at int
	meaning
}

// unreadTitles are the titles of columns that were not understood, as a header has them.
func unreadTitles(cells []string) []string {
	if cells == nil {
		return nil
	}
	return newHeader(cells).kept()
}

// readHeader understands the row with the titles by itself, and by what known says of
// such titles; Understand also asks the cells. Its error may be a *FileError.
func readHeader(cells []string, known func(titles []string) (Mapping, error)) (*header, error) {
	h := newHeader(cells)
	mapping, err := known(h.kept())
	if err != nil {
		return nil, err
	}
	if err := h.decide(nil, mapping); err != nil {
		if slices.ContainsFunc(cells, func(c string) bool { return strings.Contains(c, "@") }) {
			return nil, Unusable("E_HEADER", "the first line is a user and not the names of the columns; put a line such as email,name above it")
		}
		return nil, err
	}
	return h, nil
}

// newHeader names the columns, each by a title of its own.
func newHeader(cells []string) *header {
	h := &header{escaped: -1, raw: -1}
	titles := map[string]int{}
	back := slices.ContainsFunc(cells, func(c string) bool { return trimCell(c) == colEscaped }) // refused rows that came back
	for i, c := range cells {
		c = trimCell(c)
		if back {
			c = unescapeTitle(c)
		}
		column := columnAttribute
		switch {
		case ownColumns[c]:
			column = columnOwn
			if c == colEscaped {
				h.escaped = i
			}
		case c == colRaw:
			h.raw = i
		case c == "":
			c = fmt.Sprintf("column %d", i+1) // so that nothing under it is lost
		}
		if titles[c]++; titles[c] > 1 && column == columnAttribute { // the first keeps its title
			for n := titles[c]; ; n++ {
				if other := fmt.Sprintf("%s (%d)", c, n); titles[other] == 0 {
					titles[other]++
					c = other
					break
				}
			}
		}
		h.cells = append(h.cells, c)
		h.columns = append(h.columns, column)
	}
	return h
}

// kept are the header's cells without the columns that usher adds.
func (h *header) kept() []string {
	var out []string
	for i, c := range h.cells {
		if h.columns[i] != columnOwn {
			out = append(out, c)
		}
	}
	return out
}
