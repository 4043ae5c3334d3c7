package table

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// cell is one cell of a sheet.
type cell struct {
	column  int
	text    string
	missing bool   // it has a formula, and no result of it
	link    string // the e-mail address that it leads to
}

// sheetRows reads the rows of one sheet as they stand in its part.
type sheetRows struct {
	*xmlPart
	book  *workbook
	row   int    // the last one
	cells []cell // room
	over  bool
}

func (b *workbook) rows(part string) (*sheetRows, error) {
	x, err := b.open(part)
	if err != nil {
		return nil, err
	}
	return &sheetRows{xmlPart: x, book: b}, nil
}

var (
	errRow     = errors.New("a row is not where it should be")
	errTooFar  = fmt.Errorf("the sheet has more than %d rows", maxSheetRow)
	errColumn  = errors.New("a cell is not where it should be")
	errNoSheet = errors.New("this is not a sheet")
)

// next returns the cells of the next row that there is, and its number. The error is
// io.EOF behind the last one. The cells are valid until the next call.
func (s *sheetRows) next() (number int, hidden bool, cells []cell, err error) {
	for !s.over {
		t, err := s.Token()
		if err != nil {
			s.over = errors.Is(err, io.EOF)
			return 0, false, nil, err
		}
		switch t := t.(type) {
		case xml.EndElement:
			s.over = t.Name.Local == "sheetData"
		case xml.StartElement:
			if t.Name.Local != "row" {
				continue
			}
			if s.row, err = s.number(t); err != nil {
				return s.row, false, nil, err
			}
			cells, err := s.readCells()
			return s.row, isTrue(attribute(t, "hidden")), cells, err
		}
	}
	return 0, false, nil, io.EOF
}

// number is the one that a row has, or the one that follows.
func (s *sheetRows) number(row xml.StartElement) (int, error) {
	n := s.row + 1
	if r := attribute(row, "r"); r != "" {
		var err error
		if n, err = strconv.Atoi(r); err != nil {
			return s.row + 1, errRow
		}
	}
	switch {
	case n <= s.row:
		return s.row, errRow
	case n > maxSheetRow:
		return s.row, errTooFar
	}
	return n, nil
}

// readCells reads the cells up to the end of the row.
func (s *sheetRows) readCells() ([]cell, error) {
	s.cells = s.cells[:0]
	column := -1
	for depth := 1; ; {
		t, err := s.Token()
		if err != nil {
			return nil, atEnd(err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			if depth--; depth == 0 {
				return s.cells, nil
			}
		case xml.StartElement:
			if t.Name.Local != "c" {
				depth++
				continue
			}
			c, err := s.cell(t, column)
			if err != nil {
				return nil, err
			}
			if column = c.column; c.text != "" || c.missing || c.link != "" {
				s.cells = append(s.cells, c)
			}
		}
	}
}

// cell reads one cell; last is the column of the one before it.
func (s *sheetRows) cell(e xml.StartElement, last int) (c cell, err error) {
	c.column = last + 1
	if r := attribute(e, "r"); r != "" {
		if c.column, _, err = cellAt(r); err != nil {
			return c, err
		}
	}
	if c.column >= maxSheetCol {
		return c, errColumn
	}
	kind := attribute(e, "t")
	style, _ := strconv.Atoi(attribute(e, "s"))
	formula, hasFormula, hasValue, value := "", false, false, ""
	for depth := 1; depth > 0; {
		t, err := s.Token()
		if err != nil {
			return c, atEnd(err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			switch t.Name.Local {
			case "f":
				hasFormula = true
				formula, err = s.chars()
			case "v":
				hasValue = true
				value, err = s.chars()
			case "is":
				var b []byte
				b, err = s.richText(t)
				value, hasValue = string(b), true
			default:
				depth++
			}
			if err != nil {
				return c, err
			}
		}
	}
	if hasFormula && s.withoutResult(kind, value, hasValue) {
		c.missing = true
		return c, nil
	}
	if c.text, err = s.text(kind, style, value); err != nil {
		return c, err
	}
	if hasFormula {
		c.link = linkOfFormula(formula)
	}
	return c, nil
}

// chars is the text of an element that has nothing else in it.
func (s *sheetRows) chars() (string, error) {
	out := ""
	for depth := 1; ; {
		t, err := s.Token()
		if err != nil {
			return "", atEnd(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			if depth--; depth == 0 {
				return out, nil
			}
		case xml.CharData:
			if len(out)+len(t) <= maxToken {
				out += string(t)
			}
		}
	}
}

// withoutResult reports whether the program that wrote a formula did not calculate
// it. Excel itself writes an empty result only of a formula that has a text.
func (s *sheetRows) withoutResult(kind, value string, hasValue bool) bool {
	switch kind {
	case "str":
		return !hasValue || value == "" && s.book.uncalculated
	case "", "n":
		if value == "" {
			return true
		}
		v, err := strconv.ParseFloat(value, 64)
		return err == nil && v == 0 && s.book.uncalculated
	}
	return false
}

// text is the value of a cell as text.
func (s *sheetRows) text(kind string, style int, value string) (string, error) {
	switch kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			if value == "" {
				return "", nil
			}
			return "", errNoText
		}
		return s.book.texts.text(i)
	case "str":
		return string(unescapeText([]byte(value))), nil
	case "b":
		if isTrue(strings.TrimSpace(value)) {
			return "TRUE", nil
		}
		return "FALSE", nil
	case "", "n":
		return s.book.format(style).text(strings.TrimSpace(value), s.book.since04), nil
	}
	return value, nil
}

// cellAt reads a reference such as AB12; column and row are counted from 0 and 1.
func cellAt(ref string) (column, row int, err error) {
	i := 0
	for ; i < len(ref) && (ref[i]|0x20) >= 'a' && (ref[i]|0x20) <= 'z'; i++ {
		if column = column*26 + int(ref[i]|0x20-'a') + 1; column > maxSheetCol {
			return 0, 0, errColumn
		}
	}
	row, err = strconv.Atoi(ref[i:])
	if i == 0 || err != nil || row < 1 {
		return 0, 0, errColumn
	}
	return column - 1, row, nil
}

// cellName is the reference of a cell.
func cellName(column, row int) string {
	name := ""
	for column++; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name + strconv.Itoa(row)
}

// mailOf is the address that a link leads to, "" when it leads elsewhere.
func mailOf(target string) string {
	if len(target) < len("mailto:") || !strings.EqualFold(target[:len("mailto:")], "mailto:") {
		return ""
	}
	address, _, _ := strings.Cut(target[len("mailto:"):], "?")
	if plain, err := url.PathUnescape(address); err == nil {
		address = plain
	}
	return trimCell(address)
}

// linkOfFormula is the address in =HYPERLINK("mailto:a@example.org","A").
func linkOfFormula(formula string) string {
	name, rest, _ := strings.Cut(strings.TrimSpace(formula), "(")
	if !strings.EqualFold(strings.TrimSpace(name), "HYPERLINK") {
		return ""
	}
	rest, quoted := strings.CutPrefix(strings.TrimSpace(rest), `"`)
	if !quoted {
		return ""
	}
	target, _, _ := strings.Cut(rest, `"`)
	return mailOf(target)
}

// Caps of what is kept of a sheet while its rows are read.
const (
	maxLinks  = 1 << 20 // Excel allows 65,530
	maxMerges = 1 << 20
	linkRange = 1000 // cells that one link may cover
)

// merge is a block of cells that shows the value of its first one.
type merge struct{ column, first, last int }

// layout is what a sheet says behind its rows about them.
type layout struct {
	merges []merge        // of several rows, by their first one
	links  map[int]string // e-mail addresses by place
}

// place is a key for a cell.
func placeOf(column, row int) int { return row*maxSheetCol + column }

// layout reads a sheet to its end, which shows that it is whole, too.
func (b *workbook) layout(part string) (l layout, err error) {
	x, err := b.open(part)
	if err != nil {
		return l, err
	}
	defer x.close()
	rels, err := b.relations(part)
	if err != nil {
		return l, err
	}
	first := true
	err = x.each(func(e xml.StartElement) error {
		if first && e.Name.Local != "worksheet" {
			return errNoSheet
		}
		first = false
		switch e.Name.Local {
		case "mergeCell":
			c, from, _, to, ok := block(attribute(e, "ref"))
			if ok && to > from && len(l.merges) < maxMerges {
				l.merges = append(l.merges, merge{c, from, to})
			}
		case "hyperlink":
			address := mailOf(rels[attribute(e, "id")].target)
			if address == "" {
				return nil
			}
			c, from, last, to, ok := block(attribute(e, "ref"))
			if !ok || (last-c+1)*(to-from+1) > linkRange {
				return nil
			}
			if l.links == nil {
				l.links = map[int]string{}
			}
			for row := from; row <= to; row++ {
				for column := c; column <= last && len(l.links) < maxLinks; column++ {
					l.links[placeOf(column, row)] = address
				}
			}
		}
		return nil
	})
	slices.SortStableFunc(l.merges, func(a, b merge) int { return cmp.Compare(a.first, b.first) })
	return l, err
}

// block reads a reference such as B2:C4.
func block(ref string) (column, row, lastColumn, lastRow int, ok bool) {
	from, to, several := strings.Cut(ref, ":")
	if !several {
		to = from
	}
	column, row, err := cellAt(strings.ReplaceAll(from, "$", ""))
	lastColumn, lastRow, errTo := cellAt(strings.ReplaceAll(to, "$", ""))
	return column, row, lastColumn, lastRow, err == nil && errTo == nil && lastColumn >= column && lastRow >= row && lastRow < math.MaxInt32
}
