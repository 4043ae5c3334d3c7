package table

import (
	"fmt"
	"regexp"
)

// searchedForTitles is how many rows from the top may hold the titles of the columns.
const searchedForTitles = 20

// titles are where the columns of a table are named.
type titles struct {
	above     int  // rows above them that have something in them
	line      int  // on which they are
	known     int  // columns that usher knows
	reachable bool // there is one for addresses or telephone numbers
}

// findTitles finds the row with the titles among the first rows of a table: reports
// have lines above them, such as a title or a version. The error is about the row
// that comes nearest.
func findTitles(rows []Row) (best titles, err error) {
	var nearest *titles
	found := false
	for i, r := range rows {
		if r.bad != nil || i > 0 && hasAddress(rows[i:i+1]) {
			continue
		}
		t := titles{above: i, line: r.Line, known: knownTitles(r.cells)}
		if found && (t.known <= best.known || hasAddress(rows[best.above:i])) {
			continue
		}
		h, errHere := readHeader(r.cells)
		if errHere != nil {
			if !found && (nearest == nil || t.known > nearest.known) { // the first one of equals
				nearest, err = &t, errHere
			}
			continue
		}
		for _, c := range h.columns {
			t.reachable = t.reachable || c == Email || c == Phone
		}
		t.reachable = t.reachable || h.raw >= 0
		best, found = t, true
	}
	if !found && nearest != nil {
		best = *nearest
	}
	switch {
	case !found && len(rows) > 0 && rows[0].bad != nil && (nearest == nil || nearest.known == 0):
		return best, &FileError{"E_HEADER", "the first line cannot be read: " + rows[0].bad.Reason}
	case !found && nearest != nil && nearest.above > 0 && nearest.known > 0:
		return best, inLine(err, nearest.line)
	case !found:
		return best, err
	case hasAddress(rows[:best.above]):
		return best, Unusable("E_HEADER", "the columns are named in line %d, and users stand above it; put that line first", best.line)
	}
	return best, nil
}

// inLine puts the number of the line before what is wrong with it.
func inLine(err error, line int) error {
	if f, ok := err.(*FileError); ok {
		return &FileError{f.Code, fmt.Sprintf("line %d was taken for the names of the columns: %s", line, f.Text)}
	}
	return err
}

// knownTitles counts the cells that name a column which usher knows.
func knownTitles(cells []string) (n int) {
	for _, c := range cells {
		_, ok := titleMeaning(c)
		if !ok {
			_, ok = guessMeaning(c)
		}
		if t := trimCell(c); ok || t == colRaw || ownColumns[t] {
			n++
		}
	}
	return n
}

// plainAddress is a cell that is an e-mail address and nothing else.
var plainAddress = regexp.MustCompile(`^[^\s@:;,<>()]+@[^\s@:;,<>()]+\.[^\s@:;,<>()]+$`)

// hasAddress reports whether one of the rows is about a user.
func hasAddress(rows []Row) bool {
	for _, r := range rows {
		for _, c := range r.cells {
			if plainAddress.MatchString(trimCell(c)) {
				return true
			}
		}
	}
	return false
}

// warn tells of the lines above.
func (t titles) warn(w *Warnings) {
	if t.above > 0 {
		w.Add("W_TITLES", fmt.Sprintf("the columns are named in line %d; what stands above it was skipped", t.line), 1)
	}
}
