package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"usher/table"
)

func (s *story) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *story) write(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, data, 0o640)); err != nil {
		t.Fatal(err)
	}
}

// tool skips a test that needs a program which is not installed; CI installs it.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

// encodeFor writes text in another encoding.
func encodeFor(name, text string) []byte {
	e := map[string]encoding.Encoding{
		table.Windows1252: charmap.Windows1252, table.UTF16LE: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), table.UTF16BE: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	}[name]
	b, err := e.NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(err)
	}
	return b
}

func (s *story) zip(t *testing.T, name string, files []string) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.Create(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f, "/") {
			if _, err := w.Write(s.read(t, f)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.write(t, name, out.Bytes())
}

// xlsx makes a workbook of CSV files, SHEET=FILE each; a sheet named with a minus
// before it is hidden. A cell that is a number becomes one; what follows = is a
// formula, and what follows 0000: a number shown with leading zeros.
func (s *story) xlsx(t *testing.T, name string, sheets []string) {
	t.Helper()
	book := excelize.NewFile()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	zeros := "000000"
	padded, err := book.NewStyle(&excelize.Style{CustomNumFmt: &zeros})
	check(err)
	bold, err := book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	check(err)
	for i, arg := range sheets {
		sheet, file, _ := strings.Cut(arg, "=")
		sheet, hidden := strings.CutPrefix(sheet, "-")
		if i == 0 {
			check(book.SetSheetName("Sheet1", sheet))
		} else {
			_, err := book.NewSheet(sheet)
			check(err)
		}
		if hidden {
			check(book.SetSheetVisible(sheet, false))
		}
		r := csv.NewReader(bytes.NewReader(s.read(t, file)))
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		check(err)
		for y, cells := range rows {
			for x, c := range cells {
				at, err := excelize.CoordinatesToCellName(x+1, y+1)
				check(err)
				number, isNumber := strconv.ParseInt(strings.TrimPrefix(c, "0000:"), 10, 64)
				switch {
				case c == "":
				case strings.HasPrefix(c, "="):
					check(book.SetCellFormula(sheet, at, c[1:]))
				case strings.HasPrefix(c, "0000:"):
					check(book.SetCellValue(sheet, at, number))
					check(book.SetCellStyle(sheet, at, at, padded))
				case isNumber == nil && c[0] != '0' && c[0] != '+':
					check(book.SetCellValue(sheet, at, number))
					check(book.SetCellStyle(sheet, at, at, bold))
				default:
					check(book.SetCellValue(sheet, at, c))
				}
			}
		}
	}
	check(book.SaveAs(filepath.Join(s.dir, name)))
	check(book.Close())
}

// drop puts a file into the inbox.
func (s *story) drop(t *testing.T, name, how string) {
	t.Helper()
	from, next, to := filepath.Join(s.dir, name), filepath.Join(s.inbox.Dir, ".next"), filepath.Join(s.inbox.Dir, name)
	var err error
	switch how {
	case "linked":
		err = os.Symlink(from, to)
	case "hard-linked":
		err = os.Link(from, to)
	case "as-pipe":
		err = syscall.Mkfifo(to, 0o640)
	case "", "changed", "deadly", "unreadable":
		s.trouble.Store(how)
		if err = os.WriteFile(next, s.read(t, name), 0o640); err == nil && how == "unreadable" {
			err = os.Chmod(next, 0)
		}
		err = errors.Join(err, os.Rename(next, to))
	default:
		t.Fatalf("%s: what is %q?", s.path, how)
	}
	if err != nil {
		t.Fatal(err)
	}
}
