package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// table is what Rows remembers of the rows before, to tell those of the list from what
// stands around and between them.
type table struct {
	hidden   HiddenRows
	order    []int   // column of the titles for each one of the row; nil when they are the first titles
	titlesAt int64   // offset of the titles in force, when they are not the first
	ahead    []taken // rows that were read to see what follows, and are no remarks
	afterGap bool    // the last row was blank
	begun    bool    // there was a row below the titles
	drawn    bool    // the table is drawn with lines, as psql does
	goesOn   bool    // a value of the last row goes on in the next
	lastAt   int64   // where the last row began
	endAt    int64   // where the last row that was read ended
}

// taken is a row that was read, or why none was.
type taken struct {
	Row
	at  int64
	err error
}

// rawRow returns the next row as it stands, with the place behind it. Lines below the
// table are left out.
func (r *Rows) rawRow() (Row, error) {
	if len(r.ahead) == 0 { // nearly always
		at := r.endAt
		row, err := r.next()
		r.lastAt = at
		if err != nil || r.header == nil || !r.remark(&row) || !r.onlyRemarks(row) {
			return row, err
		}
		return Row{}, io.EOF
	}
	t := r.ahead[0]
	r.ahead = r.ahead[1:]
	r.lastAt = t.at
	return t.Row, t.err
}

// next reads a row, with the place behind it.
func (r *Rows) next() (Row, error) {
	row, err := r.read()
	if r.place != nil {
		row.End.Offset, row.End.Line = r.place()
		r.endAt = row.End.Offset
	}
	return row, err
}

// mostRemarks is how many lines may stand below a table.
const mostRemarks = 20

// countOfRows is what database programs write below a table.
var countOfRows = regexp.MustCompile(`^\(?\d+ (rows?|records?)( affected| selected)?\)?\.?$`)

// remark reports whether a row may be a line below the table: it has text in the first
// column and nowhere else, behind a blank row, or is a sentence that was divided, or it
// says how many rows there are.
func (r *Rows) remark(row *Row) bool {
	if r.afterGap && r.sentence(row) {
		return true
	}
	if row.bad != nil || len(row.cells) == 0 || !row.padded && len(row.cells) > 1 || len(r.header.cells) < 2 { // nearly every row
		return false
	}
	text := trimCell(row.cells[0])
	if text == "" {
		return false
	}
	for _, c := range row.cells[1:] {
		if trimCell(c) != "" {
			return false
		}
	}
	return countOfRows.MatchString(text) || rule(row.cells) || r.afterGap && strings.ContainsFunc(text, unicode.IsSpace) && !strings.ContainsAny(text, "@{")
}

// digits are so many that they may be a telephone number or an id.
var digits = regexp.MustCompile(`[0-9]{5}`)

// sentence reports whether a row is words that a delimiter in them has divided: it has
// no address and no number, and what stands where they should is words too.
func (r *Rows) sentence(row *Row) bool {
	if row.bad != nil || len(row.cells) < 2 {
		return false
	}
	text := strings.Join(row.cells, " ")
	if strings.ContainsAny(text, "@{") || digits.MatchString(text) || len(strings.Fields(text)) < 3 {
		return false
	}
	misplaced := len(row.cells) != len(r.header.cells) && !row.padded
	for i, c := range r.header.columns {
		if i >= len(row.cells) || c != Email && c != Phone && c != UserID {
			continue
		}
		switch cell := trimCell(row.cells[i]); {
		case cell == "":
		case !strings.ContainsFunc(cell, unicode.IsSpace) || !strings.ContainsFunc(cell, unicode.IsLetter):
			return i == 0 && misplaced // a sentence may begin with one word
		case c != UserID:
			misplaced = true
		}
	}
	return misplaced
}

// onlyRemarks reads on from a remark. When nothing but remarks follows, they end the
// table; otherwise Next returns the rows that were read ahead.
func (r *Rows) onlyRemarks(first Row) bool {
	lines := 1
	for len(r.ahead) < 2*mostRemarks {
		t := taken{at: r.endAt}
		t.Row, t.err = r.next()
		r.ahead = append(r.ahead, t)
		if errors.Is(t.err, io.EOF) && (lines > 1 || !first.cut || countOfRows.MatchString(trimCell(first.cells[0]))) { // else it may be half a row
			for range lines {
				r.Warnings.Add("W_BELOW", "a line below the table was left out", first.Line)
			}
			r.ahead = nil
			return true
		}
		switch {
		case t.err != nil:
			return false
		case t.blank():
			continue
		}
		r.afterGap = true
		if !r.remark(&t.Row) {
			return false
		}
		lines++
	}
	return false
}

// rule reports whether a row is a line drawn with dashes.
func rule(cells []string) bool {
	dashes := 0
	for _, c := range cells {
		if strings.Trim(c, "-+=: \t|") != "" {
			return false
		}
		dashes += strings.Count(c, "-") + strings.Count(c, "=")
	}
	return dashes >= 3
}

// understand makes of a row what its titles and its sheet say. part is false when it
// is not part of the list. The error is a *FileError.
func (r *Rows) understand(rw *Row) (part bool, err error) {
	begun := r.begun
	r.begun = true
	if rw.bad != nil {
		return true, nil
	}
	if !begun && rule(rw.cells) {
		r.drawn = len(rw.cells) == 1 && strings.Contains(rw.cells[0], "-+-")
		return false, nil
	}
	if r.drawn && r.overLines(rw) {
		rw.bad = &RowError{"E_QUOTE", "", "a value with a line break is drawn over several lines, which cannot be told from several rows; export with psql --csv"}
		return true, nil
	}
	if !begun && r.header.labels(rw.cells) {
		r.Warnings.Add("W_TITLES", "a line below the titles says the same in other words; it was left out", rw.Line)
		return false, nil
	}
	if r.mayBeTitles(rw.cells) {
		switch order, again, err := r.titlesAgain(rw); {
		case err != nil:
			return false, err
		case again:
			r.order = order
			if r.place != nil {
				r.titlesAt = r.lastAt
			}
			return false, nil
		}
	}
	if r.order != nil {
		r.reorder(rw)
	}
	if rw.sheet == nil {
		return true, nil
	}
	if rw.sheet.hidden && r.hidden == SkipHidden {
		r.Warnings.Add("W_EXCEL_HIDDEN", "a row that is hidden in the sheet was left out", rw.Line)
		return false, nil
	}
	r.understandSheet(rw)
	return true, nil
}

// overLines reports whether a value of the row goes on in the next line of a drawn
// table, or has begun in the one before: psql draws a plus at the edge of its cell.
func (r *Rows) overLines(rw *Row) bool {
	begun := r.goesOn
	r.goesOn = slices.ContainsFunc(rw.cells, func(c string) bool { return strings.HasSuffix(c, "+") })
	return begun || r.goesOn
}

// understandSheet judges what a sheet says about the cells of a row.
func (r *Rows) understandSheet(rw *Row) {
	column := func(i int) Column {
		if i >= 0 && i < len(r.header.columns) {
			return r.header.columns[i]
		}
		return columnAttribute
	}
	for _, i := range rw.sheet.missing {
		at := cellName(i, rw.Line)
		if c := column(i); c >= 0 {
			rw.bad = &RowError{"E_EXCEL_FORMULA", columnNames[c], fmt.Sprintf("cell %s has a formula whose result is not in the file; open the file in Excel, save it again and drop that", at)}
			return
		}
		r.Warnings.Add("W_EXCEL_FORMULA", "a formula in a column that is kept as it is has no result in the file: it was left empty", rw.Line)
	}
	if rw.sheet.hidden && r.hidden == RefuseHidden {
		rw.bad = &RowError{"E_EXCEL_HIDDEN", "", "the row is hidden in the sheet, by a filter or by hand; show it, or have hidden rows of this inbox skipped or taken (--hidden-rows skip, --hidden-rows take)"}
		return
	}
	if rw.sheet.hidden {
		r.Warnings.Add("W_EXCEL_HIDDEN", "a row that is hidden in the sheet was taken", rw.Line)
	}
	if rw.sheet.filled {
		r.Warnings.Add("W_EXCEL_MERGED", "merged cells were read as one value for each of their rows", rw.Line)
	}
	for i, address := range rw.sheet.links {
		if column(i) == Email && i < len(rw.cells) && !strings.Contains(rw.cells[i], "@") {
			rw.cells[i] = address
			r.Warnings.Add("W_EXCEL_LINK", "the address of a link was taken, because the text of its cell is not an address", rw.Line)
		}
	}
}

// mayBeTitles is a quick look that nearly no row of users passes.
func (r *Rows) mayBeTitles(cells []string) bool {
	for i, c := range r.header.columns {
		if c != Email && c != Phone && c != UserID {
			continue
		}
		if i < len(cells) && (strings.IndexByte(cells[i], '@') >= 0 || strings.ContainsAny(cells[i], "0123456789")) {
			return false
		}
	}
	return true
}

// labels reports whether a row says in other words what the titles do, as where
// programs write their own names first and those for people below.
func (h *header) labels(cells []string) bool {
	same := 0
	for i, c := range cells {
		if i >= len(h.columns) || h.columns[i] < 0 || trimCell(c) == "" {
			continue
		}
		if means, ok := titleMeaning(c); !ok || means.column != h.columns[i] {
			return false
		}
		same++
	}
	return same > 2
}

// titlesAgain reports whether a row names the columns again, as in files that were put
// one behind the other, and in which order.
func (r *Rows) titlesAgain(rw *Row) (order []int, again bool, err error) {
	named, others := 0, 0
	order = make([]int, len(rw.cells))
	used := make([]bool, len(r.header.cells))
	for i, c := range rw.cells {
		order[i] = -1
		switch at := r.header.find(c, used); {
		case trimCell(c) == "" && (at < 0 || !r.header.unnamed(at)):
		case at >= 0:
			used[at], order[i] = true, at
			named++
		case canonical(c) != columnAttribute:
			others++
		default:
			return nil, false, nil
		}
	}
	if named+others < min(2, len(r.header.cells)) || named == 0 {
		return nil, false, nil
	}
	if others > 0 || named < len(r.header.cells) {
		return nil, false, Unusable("E_HEADER", "line %d names the columns again, and not the same ones; put what stands from there on into a file of its own", rw.Line)
	}
	if slices.IsSorted(order) && r.order == nil {
		r.Warnings.Add("W_TITLES", "a line inside the file names the columns again; it was left out", rw.Line)
		return nil, true, nil
	}
	if slices.IsSorted(order) {
		order = nil
	}
	r.Warnings.Add("W_TITLES", "a line inside the file names the columns again in another order; what stands below it was read in that order", rw.Line)
	return order, true, nil
}

// find is the column with a title, or with the same meaning, that was not used before.
func (h *header) find(title string, used []bool) int {
	meaning := -1
	c := canonical(title)
	for i, t := range h.cells {
		switch {
		case used[i]:
		case fold(t) == fold(title) && (trimCell(title) != "" || h.unnamed(i)):
			return i
		case c >= 0 && h.columns[i] == c && meaning < 0:
			meaning = i
		}
	}
	return meaning
}

// unnamed reports whether a column has no title of its own.
func (h *header) unnamed(i int) bool { return h.cells[i] == fmt.Sprintf("column %d", i+1) }

// reorder puts the cells where the first titles have them. A row of another length
// stays as it is, and is refused for that.
func (r *Rows) reorder(rw *Row) {
	for rw.padded && len(rw.cells) < len(r.order) {
		rw.cells = append(rw.cells, "")
	}
	if len(rw.cells) != len(r.order) {
		rw.bad = &RowError{"E_COLUMN_COUNT", "", fmt.Sprintf("the row has %d columns, the titles above it have %d", len(rw.cells), len(r.order))}
		return
	}
	cells := make([]string, len(r.header.cells))
	for i, at := range r.order {
		if at >= 0 {
			cells[at] = rw.cells[i]
		}
	}
	rw.cells = cells
	if rw.sheet == nil {
		return
	}
	links := map[int]string{}
	for i, address := range rw.sheet.links {
		links[r.order[i]] = address
	}
	rw.sheet.links = links
	for i, column := range rw.sheet.missing {
		rw.sheet.missing[i] = r.order[column]
	}
}

// readTitlesAt takes the titles that stand at an offset.
func (t File) readTitlesAt(ctx context.Context, f *os.File, r *Rows, offset int64) error {
	w := newWindow(until(ctx, io.NewSectionReader(f, int64(t.bom)+offset, 1<<62)))
	row, err := csvReader{&splitter{window: w, delim: t.Delimiter, quotes: t.quotes}}.read()
	if err != nil {
		return err
	}
	order, _, err := r.titlesAgain(&row)
	r.order, r.titlesAt, r.Warnings = order, offset, Warnings{}
	return err
}
