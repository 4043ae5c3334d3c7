package table

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// searchedForTitles is how many rows from the top may hold the titles of the columns.
const searchedForTitles = 20

// titles are where the columns of a table are named.
type titles struct {
	above     int      // rows above them that have something in them
	line      int      // on which they are
	known     int      // columns that usher knows
	reachable bool     // there is one for addresses or telephone numbers
	cells     []string // their texts, when they are plainly titles and no one is known to be reached by them
}

// findTitles finds the row with the titles among the first rows of a table: reports
// have lines above them, such as a title or a version. The error is about the row
// that comes nearest. Rows are held against what was saved only when their titles say
// nothing by themselves.
func (k Known) findTitles(rows []Row) (best titles, err error) {
	best, err = findTitles(rows, func([]string) (Mapping, error) { return k.Columns, nil })
	var unusable *FileError
	if !errors.As(err, &unusable) {
		return best, err
	}
	if best.above < len(rows) && !hasAddress(rows[:best.above]) && surelyTitles(rows[best.above:]) {
		best.cells = rows[best.above].cells
		err = &FileError{unusable.Code, unusable.Text + best.named()}
	}
	if k.Saved == nil {
		return best, err
	}
	for i, r := range rows {
		if r.bad != nil || hasAddress(rows[i:i+1]) {
			continue
		}
		saved, errHere := k.Saved(Fingerprint(newHeader(r.cells).kept()))
		if errHere != nil {
			return best, errHere
		}
		if len(saved) == 0 {
			continue
		}
		if t, errHere := findTitles(rows[i:i+1], k.of); errHere == nil {
			t.above = i
			return t, nil
		}
	}
	return best, err
}

// surelyTitles reports whether the first of the rows names columns: one of them has a
// word there, and addresses or numbers in the other rows. A user without an address has
// none there.
func surelyTitles(rows []Row) bool {
	reachable := func(c string) bool {
		c = trimCell(c)
		return strings.Contains(c, "@") || len(c) > 4 && number.MatchString(c)
	}
	if rows[0].bad != nil || slices.ContainsFunc(rows[0].cells, reachable) {
		return false
	}
	for i, title := range rows[0].cells {
		if title = trimCell(title); title == "" || alwaysNothing(title) || sometimesNothing(title) {
			continue
		}
		n := 0
		for _, r := range rows[1:] {
			if i < len(r.cells) && reachable(r.cells[i]) {
				n++
			}
		}
		if 2*n > len(rows)-1 {
			return true
		}
	}
	return false
}

// Bounds of what an error says of titles.
const (
	mostNamed  = 12 // titles
	longestOne = 40 // characters of one
)

// named lists the titles of a table in which no column was understood.
func (t titles) named() string {
	var out []string
	for _, c := range t.cells {
		if c = trimCell(c); c == "" {
			continue
		}
		if len(out) == mostNamed {
			out = append(out, "…")
			break
		}
		if r := []rune(c); len(r) > longestOne {
			c = string(r[:longestOne]) + "…"
		}
		out = append(out, strconv.Quote(c))
	}
	return "; the titles are " + strings.Join(out, ", ") + ", and `usher columns` can say what they are"
}

func findTitles(rows []Row, known func(titles []string) (Mapping, error)) (best titles, err error) {
	var nearest *titles
	found := false
	for i, r := range rows {
		if r.bad != nil || i > 0 && hasAddress(rows[i:i+1]) {
			continue
		}
		h, errHere := readHeader(r.cells, known)
		t := titles{above: i, line: r.Line, known: knownTitles(r.cells)}
		if h != nil {
			t.known += h.byMapping()
		}
		if found && (t.known <= best.known || hasAddress(rows[best.above:i])) {
			continue
		}
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
