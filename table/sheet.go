package table

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Caps of an Excel file, in bytes.
const (
	maxWorkbook = 8 << 30  // all that is in it, unpacked
	maxInMemory = 16 << 20 // a part that is larger is unpacked to the disk
)

// headerWithin is how many rows of a sheet are searched for its header.
const headerWithin = 100

// openWorkbook opens an Excel file. What it unpacks goes to the folder tmp, and
// is removed when it is closed.
func openWorkbook(f *os.File, size int64, tmp string) (book *excelize.File, err error) {
	defer damagedIfPanic(&err)
	book, err = excelize.OpenFile(fmt.Sprintf("/dev/fd/%d", f.Fd()), excelize.Options{
		UnzipSizeLimit: min(maxWorkbook, max(4*maxInMemory, size*maxRatio)), UnzipXMLSizeLimit: maxInMemory, TmpDir: tmp,
	})
	switch {
	case err == nil:
		return book, nil
	case strings.Contains(err.Error(), "unzip size exceeds"):
		return nil, Unusable("E_TOO_BIG", "the Excel file unpacks to more than %d times its size", maxRatio)
	case errors.As(err, new(*os.PathError)):
		return nil, err
	}
	return nil, Unusable("E_UNPACK", "the Excel file is damaged or has a password; save it again without one")
}

// sound reads the tables of an Excel file to their end. The library that reads
// them takes broken XML for the end of a table, so that rows would be lost
// without a word.
func sound(ctx context.Context, r *zip.Reader, book *excelize.File) error {
	for _, e := range r.File {
		if !strings.HasPrefix(e.Name, "xl/worksheets/") && e.Name != "xl/sharedStrings.xml" || path.Ext(e.Name) != ".xml" {
			continue
		}
		part, err := e.Open()
		if err == nil {
			d := xml.NewDecoder(until(ctx, part))
			d.CharsetReader = book.CharsetReader
			for err == nil {
				_, err = d.Token()
			}
			_ = part.Close()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, io.EOF) {
			return Unusable("E_UNPACK", "a table in the Excel file is damaged; open the file in Excel, save it again and drop that")
		}
	}
	return nil
}

// chooseSheet finds the one visible sheet whose first row names columns that
// usher knows, and warns of what was left.
func chooseSheet(book *excelize.File, warnings *Warnings) (name string, err error) {
	defer damagedIfPanic(&err)
	var found []string
	hidden, others := 0, 0
	var headerErr error
	for _, s := range book.GetSheetList() {
		if visible, err := book.GetSheetVisible(s); err != nil || !visible {
			hidden++
			continue
		}
		cells, err := firstCells(book, s)
		if err != nil {
			return "", err
		}
		if cells == nil {
			continue // an empty sheet
		}
		if _, err := readHeader(cells); err != nil {
			headerErr = err
			others++
			continue
		}
		found = append(found, s)
	}
	switch {
	case len(found) > 1:
		return "", Unusable("E_SHEETS", "%d sheets of the Excel file look like lists of users; put each in a file of its own", len(found))
	case len(found) == 0 && headerErr != nil:
		return "", headerErr
	case len(found) == 0:
		return "", Unusable("E_EMPTY", "the Excel file has no visible sheet with rows; drop it again with its rows")
	}
	if others > 0 {
		warnings.Add("W_SHEETS", fmt.Sprintf("%d more sheets name no columns of users and were not read", others), 0)
	}
	if hidden > 0 {
		warnings.Add("W_SHEETS", fmt.Sprintf("%d hidden sheets were not read", hidden), 0)
	}
	return found[0], nil
}

func firstCells(book *excelize.File, sheet string) ([]string, error) {
	s, err := openSheet(book, sheet)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for range headerWithin {
		r, err := s.read()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil || !r.blank() {
			return r.cells, err
		}
	}
	return nil, nil
}

// sheetReader reads the rows of one sheet, each cell as Excel shows it: an id of
// 7 that is shown as 0007 is 0007.
type sheetReader struct {
	book     *excelize.File
	sheet    string
	rows     *excelize.Rows
	line     int
	raw      *excelize.Rows // the same rows as they are stored; nil until they are needed
	rawLine  int
	rawCells []string
}

func openSheet(book *excelize.File, sheet string) (s *sheetReader, err error) {
	defer damagedIfPanic(&err)
	rows, err := book.Rows(sheet)
	if err != nil {
		return nil, Unusable("E_UNPACK", "a sheet of the Excel file cannot be read; save it again")
	}
	return &sheetReader{book: book, sheet: sheet, rows: rows}, nil
}

func (s *sheetReader) close() {
	_ = s.rows.Close()
	if s.raw != nil {
		_ = s.raw.Close()
	}
}

func (s *sheetReader) read() (r Row, err error) {
	defer damagedIfPanic(&err)
	if !s.rows.Next() {
		if s.rows.Error() != nil {
			return Row{}, Unusable("E_UNPACK", "the sheet has more rows than Excel allows; drop the list as CSV")
		}
		return Row{}, io.EOF
	}
	s.line++
	cells, err := s.rows.Columns()
	for i := 0; err == nil && i < len(cells); i++ {
		if Rounded(cells[i]) {
			cells[i], err = s.stored(i, cells[i])
		}
	}
	if err != nil {
		return Row{}, Unusable("E_UNPACK", "row %d of the sheet cannot be read; save the file again", s.line)
	}
	if len(cells) > maxColumns {
		return Row{Line: s.line, cells: cells[:1], bad: &RowError{"E_TOO_LONG", "", errColumns.Error()}}, nil
	}
	return Row{Line: s.line, cells: cells, padded: true}, nil
}

// damagedIfPanic turns a panic of the library into the error of a damaged file.
func damagedIfPanic(err *error) {
	if p := recover(); p != nil {
		*err = Unusable("E_UNPACK", "the Excel file is damaged; open it in Excel, save it again and drop that")
	}
}

// wholeNumber is one that Excel keeps exactly: it knows 15 digits.
var wholeNumber = regexp.MustCompile(`^[0-9]{1,15}$`)

// stored is the whole number behind a cell that Excel shows rounded, such as
// 4.9E+11, or what it shows when there is none.
func (s *sheetReader) stored(column int, shown string) (string, error) {
	if s.raw == nil {
		var err error
		if s.raw, err = s.book.Rows(s.sheet); err != nil {
			return "", err
		}
	}
	for s.rawLine < s.line {
		s.raw.Next()
		s.rawLine++
		var err error
		if s.rawCells, err = s.raw.Columns(excelize.Options{RawCellValue: true}); err != nil {
			return "", err
		}
	}
	if column < len(s.rawCells) && wholeNumber.MatchString(s.rawCells[column]) {
		return s.rawCells[column], nil
	}
	return shown, nil
}
