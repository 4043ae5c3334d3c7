package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// HiddenRows is what is done with rows of a sheet that Excel hides, by a filter or by
// hand: whether they belong to the list, only a person knows.
type HiddenRows string

// What may be done with them.
const (
	RefuseHidden HiddenRows = ""     // they are refused, each by itself
	SkipHidden   HiddenRows = "skip" // they are no part of the list
	TakeHidden   HiddenRows = "take" // they are rows like all others
)

// sheetReader reads the rows of one sheet, each cell with the value that is stored: an
// id of 7 that is shown as 0007 is 0007, and one of 1000 that is shown as 1,000.00 is
// 1000. Cells that are merged all have the value of the first.
type sheetReader struct {
	rows   *sheetRows
	layout layout
	line   int // the last one that was given away

	next   Row // the one behind rows that the file leaves out
	ahead  bool
	active []filling
}

// filling is a value that is shown over several rows.
type filling struct {
	column, last int
	text         string
}

func openSheet(b *workbook, s sheetPart, l layout) (*sheetReader, error) {
	rows, err := b.rows(s.part)
	if err != nil {
		return nil, b.damaged(err, "a sheet of the Excel file cannot be read; save it again")
	}
	return &sheetReader{rows: rows, layout: l}, nil
}

func (s *sheetReader) close() { s.rows.close() }

// read returns the next row; those that the file leaves out have nothing in them.
func (s *sheetReader) read() (Row, error) {
	if !s.ahead {
		r, err := s.stored()
		if err != nil {
			return Row{}, err
		}
		s.next, s.ahead = r, true
	}
	if s.line++; s.line < s.next.Line {
		return Row{Line: s.line, padded: true}, nil
	}
	s.ahead = false
	return s.next, nil
}

// stored reads the next row that is in the file.
func (s *sheetReader) stored() (Row, error) {
	number, hidden, cells, err := s.rows.next()
	switch {
	case errors.Is(err, errTooFar):
		return Row{}, Unusable("E_UNPACK", "the sheet has more rows than Excel allows; drop the list as CSV")
	case err != nil:
		return Row{}, s.rows.book.damaged(err, fmt.Sprintf("row %d of the sheet cannot be read; open the file in Excel, save it again and drop that", s.rows.row))
	}
	r := Row{Line: number, padded: true}
	if hidden {
		r.aside().hidden = true
	}
	width := 0
	for _, c := range cells {
		width = max(width, c.column+1)
	}
	if width > maxColumns {
		r.cells, r.bad = []string{cells[0].text}, &RowError{"E_TOO_LONG", "", errColumns.Error()}
		return r, nil
	}
	r.cells = make([]string, width)
	for _, c := range cells {
		r.cells[c.column] = c.text
		if c.missing {
			r.aside().missing = append(r.aside().missing, c.column)
		}
		link := c.link
		if link == "" && s.layout.links != nil {
			link = s.layout.links[placeOf(c.column, number)]
		}
		if link != "" {
			a := r.aside()
			if a.links == nil {
				a.links = map[int]string{}
			}
			a.links[c.column] = link
		}
	}
	s.fill(&r)
	return r, nil
}

// aside is where what the sheet says about a row goes.
func (r *Row) aside() *aside {
	if r.sheet == nil {
		r.sheet = &aside{}
	}
	return r.sheet
}

// fill puts the values of merged cells into the row.
func (s *sheetReader) fill(r *Row) {
	s.active = slices.DeleteFunc(s.active, func(f filling) bool { return f.last < r.Line })
	if len(s.active) > 0 && !r.blank() {
		for _, f := range s.active {
			for len(r.cells) <= f.column {
				r.cells = append(r.cells, "")
			}
			if r.cells[f.column] == "" {
				r.cells[f.column] = f.text
				r.aside().filled = true
			}
		}
	}
	for len(s.layout.merges) > 0 && s.layout.merges[0].first <= r.Line {
		m := s.layout.merges[0]
		s.layout.merges = s.layout.merges[1:]
		if m.first == r.Line && m.column < len(r.cells) && r.cells[m.column] != "" && m.column < maxColumns {
			s.active = append(s.active, filling{m.column, m.last, r.cells[m.column]})
		}
	}
}

// below forgets merged cells that began in the titles or above them.
func (s *sheetReader) below() { s.active = nil }

// chosen is the sheet that is read.
type chosen struct {
	sheet  sheetPart
	layout layout
	above  int      // rows above its titles that have something in them
	unread []string // titles of one in which no column was understood, when none is read
}

// chooseSheet finds the one visible sheet with a list of users, and warns of what was
// left. A sheet that has ids and nothing by which a person can be reached is what
// others look things up in.
func chooseSheet(b *workbook, known Known, warnings *Warnings) (c chosen, err error) {
	type list struct {
		sheetPart
		titles
	}
	var lists []list
	hidden, others, reachable := 0, 0, false
	var headerErr error
	for _, s := range b.sheets {
		if s.hidden {
			hidden++
			continue
		}
		rows, err := firstRows(b, s)
		if err != nil {
			return c, err
		}
		if len(rows) == 0 {
			continue // an empty sheet
		}
		t, err := known.findTitles(rows)
		if err != nil {
			if headerErr = err; t.cells != nil {
				c.unread = t.cells
			}
			others++
			continue
		}
		lists = append(lists, list{s, t})
		reachable = reachable || t.reachable
	}
	if reachable {
		n := len(lists)
		lists = slices.DeleteFunc(lists, func(s list) bool { return !s.reachable })
		others += n - len(lists)
	}
	switch {
	case len(lists) > 1:
		return c, Unusable("E_SHEETS", "%d sheets of the Excel file look like lists of users; put each in a file of its own", len(lists))
	case len(lists) == 0 && headerErr != nil:
		return c, headerErr
	case len(lists) == 0:
		return c, Unusable("E_EMPTY", "the Excel file has no visible sheet with rows; drop it again with its rows")
	}
	if others > 0 {
		warnings.Add("W_SHEETS", fmt.Sprintf("%d more sheets name no columns of users and were not read", others), 0)
	}
	if hidden > 0 {
		warnings.Add("W_SHEETS", fmt.Sprintf("%d hidden sheets were not read", hidden), 0)
	}
	c.sheet, c.above, c.unread = lists[0].sheetPart, lists[0].above, nil
	lists[0].warn(warnings)
	c.layout, err = b.layout(c.sheet.part)
	return c, b.damaged(err, "a table in the Excel file is damaged; open the file in Excel, save it again and drop that")
}

// firstRows are the first rows of a sheet that have something in them.
func firstRows(b *workbook, s sheetPart) (rows []Row, err error) {
	r, err := openSheet(b, s, layout{})
	if err != nil {
		return nil, err
	}
	defer r.close()
	for range sheetSearched {
		row, err := r.read()
		if errors.Is(err, io.EOF) || len(rows) >= searchedForTitles {
			break
		}
		if err != nil {
			return nil, err
		}
		if !row.blank() {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// sheetSearched is how many rows of a sheet are searched for its titles, blank ones
// among them.
const sheetSearched = 100
