package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// delimiters are tried in this order.
const delimiters = ",;\t|"

// consistentWithin is how many records are looked at when the titles alone do not
// tell the delimiter.
const consistentWithin = 100

// findTitles finds where the columns are named, and takes the delimiter under which
// most of them are known to usher; among equals, the one under which the rows fit the
// titles.
func (t *File) findTitles(w *window, candidates string) error {
	if len(w.rest()) == 0 {
		if err := w.more(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	best, found, err := t.among(w, candidates)
	defer func() { t.Titles = unreadTitles(best.cells) }()
	if best.known == 0 && candidates == delimiters && strings.HasPrefix(w.rest(), `"`) {
		if spaced, yes, spacedErr := t.among(w, " "); yes && spacedErr == nil { // R's write.table as it is
			best, found, err = spaced, true, nil
		}
	}
	switch {
	case !found && candidates == delimiters && len(best.rows) > 0 && best.known == 0:
		if strings.Contains(strings.Join(best.rows[0].cells, ""), "@") {
			return Unusable("E_HEADER", "the first line is a user and not the names of the columns; put a line such as email,name above it")
		}
		text := fmt.Sprintf("the first line names no column that usher knows, whether its columns are divided by comma, semicolon, tab or |; name them %s", strings.Join(columnNames[:FirstName], ", "))
		if best.cells != nil {
			text += best.named()
		}
		return &FileError{"E_HEADER", text}
	case !found && len(best.rows) == 0:
		return Unusable("E_EMPTY", "the file has no rows; drop it again with its rows")
	}
	t.Delimiter = best.delim
	t.Why += fmt.Sprintf("; divided by %q line %d names %d known columns", t.Delimiter, best.line+w.line, best.known)
	if err != nil {
		return err
	}
	t.above = best.above
	best.titles.line += w.line
	best.warn(&t.Warnings)
	if t.short = best.short(); t.short {
		t.Warnings.Add("W_TITLES", "each row has its number before the first column that has a title; it was kept as column 1", best.titles.line)
	}
	return nil
}

// reading is what the first rows are when they are divided by a delimiter.
type reading struct {
	titles
	delim byte
	rows  []Row
}

// among finds the best of several delimiters.
func (t *File) among(w *window, candidates string) (best reading, found bool, err error) {
	for i, d := range []byte(candidates) {
		r := reading{delim: d, rows: firstRecords(w.rest(), d, w.ended)}
		var errHere error
		r.titles, errHere = t.Known.findTitles(r.rows[:min(len(r.rows), searchedForTitles)])
		switch here := errHere == nil; {
		case i == 0, here && !found, here == found && r.known > best.known, here == found && r.known == best.known && r.fits() > best.fits():
			best, found, err = r, here, errHere
		}
	}
	return best, found, err
}

// firstRecords are the records at the beginning of a text that have something in them.
func firstRecords(text string, d byte, ended bool) (rows []Row) {
	c := csvReader{newSplitter(strings.NewReader(text), d)}
	for len(rows) < searchedForTitles+consistentWithin {
		r, err := c.read()
		if err != nil || r.cut && !ended {
			break
		}
		if !r.blank() {
			rows = append(rows, r)
		}
	}
	return rows
}

// fits counts the rows that have as many fields as the titles; a delimiter that never
// occurs fits only when none does.
func (r reading) fits() (n int) {
	if r.above >= len(r.rows) {
		return 0
	}
	columns := len(r.rows[r.above].cells)
	for _, row := range r.rows[r.above+1:] {
		if row.bad == nil && len(row.cells) == columns {
			n++
			if columns > 1 {
				n++
			}
		}
	}
	return n
}

// short reports whether all rows have a number of their own in a first column that the
// titles lack, as R writes them.
func (r reading) short() bool {
	if r.above+1 >= len(r.rows) {
		return false
	}
	last := 0
	for _, row := range r.rows[r.above+1:] {
		if row.bad != nil {
			continue // how quotes are written is not known yet
		}
		if len(row.cells) != len(r.rows[r.above].cells)+1 {
			return false
		}
		n, err := strconv.Atoi(trimCell(row.cells[0]))
		if err != nil || n <= last {
			return false
		}
		last = n
	}
	return last > 0
}

// findQuotes finds out how fields are written that hold quotes. It reads the whole
// file, because one such field may be anywhere in it, and a wrong guess changes what
// stands in others.
func (t *File) findQuotes(ctx context.Context, f *os.File, check *utf8Check) error {
	loose := t.Delimiter == '\t' || t.Delimiter == '|' // programs that write these know no quotes
	if !check.quotes || !loose && !check.backslashes {
		return nil
	}
	plain, err := t.survey(ctx, f, quoting{})
	if err != nil {
		return err
	}
	switch {
	case loose && plain.broken > 0 && plain.broken >= plain.enclosed:
		t.quotes = quoting{none: true, pairs: plain.pairs > 0}
	case loose && plain.enclosed == 0 && plain.pairs > 0:
		t.quotes = quoting{none: true, pairs: true}
	case check.backslashes:
		escaped, err := t.survey(ctx, f, quoting{backslash: true})
		if err != nil {
			return err
		}
		if escaped.escaped > 0 && escaped.fits >= plain.fits {
			t.quotes = quoting{backslash: true, keep: escaped.doubled > 0}
		}
	}
	switch q := t.quotes; {
	case q.pairs:
		t.Warnings.Add("W_QUOTES", "fields are not put in quotes in this file, and quotes in them are doubled: two were read as one", 0)
	case q.none:
		t.Warnings.Add("W_QUOTES", "quotes in this file are part of the values: fields are not put in quotes", 0)
	case q.keep:
		t.Warnings.Add("W_QUOTES", "a backslash before a quote keeps it in the value in this file; both were kept", 0)
	case q.backslash:
		t.Warnings.Add("W_QUOTES", "quotes in values have a backslash before them in this file, which was taken off", 0)
	}
	return nil
}

// survey reads all records in one way, and counts how well it fits.
func (t *File) survey(ctx context.Context, f *os.File, q quoting) (seen, error) {
	text, done, err := t.text(ctx, f)
	if err != nil {
		return seen{}, err
	}
	defer done()
	s := newSplitter(text, t.Delimiter)
	s.quotes = q
	columns, above := 0, t.above
	if t.sep {
		above++
	}
	for {
		row, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return s.seen, nil
		case errors.Is(err, errQuote), errors.Is(err, errLong), errors.Is(err, errColumns):
		case err != nil:
			return seen{}, err
		case len(row.fields) == 0:
			continue
		}
		switch above--; {
		case above == -1:
			if columns = len(row.fields); t.short {
				columns++
			}
		case above < -1 && err == nil && len(row.fields) == columns:
			s.seen.fits++
		}
	}
}

// sepLine reads Excel's first line "sep=;".
func sepLine(l string) (byte, bool) {
	l = strings.Trim(strings.TrimPrefix(l, "\ufeff"), `"`)
	if len(l) != 5 || !strings.EqualFold(l[:4], "sep=") {
		return 0, false
	}
	d := l[4]
	return d, d == '\t' || d > ' ' && d < 0x7f && d != '"' && (d < '0' || d > '9') && (d|0x20 < 'a' || d|0x20 > 'z')
}
