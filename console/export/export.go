// Package export writes people as rows of a file: CSV for spreadsheets, JSON Lines for
// programs. The console writes what it streams with it, and the command what it has
// read, so that both say the same. A Writer holds one row; it is for one goroutine.
package export

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Row is a person without personal data.
type Row struct {
	UserID     string    `json:"user_id"`
	Status     string    `json:"status"`
	Since      time.Time `json:"since"`
	Inbox      string    `json:"inbox"`
	Import     string    `json:"import"`
	Line       int       `json:"line"`
	Generation int       `json:"generation"`
	Data       *Data     `json:"data,omitempty"` // nil: not asked for
}

// Data is the rest: what the list says of the person, and who decided.
type Data struct {
	Name       string            `json:"name"`
	GivenName  string            `json:"given_name"`
	FamilyName string            `json:"family_name"`
	Email      string            `json:"email"`
	Phone      string            `json:"phone"`
	Locale     string            `json:"locale"`
	Attributes map[string]string `json:"attributes,omitempty"`
	File       string            `json:"file"`
	DecidedBy  string            `json:"decided_by"`
}

var (
	titles     = []string{"user_id", "status", "since", "inbox", "import", "line", "generation"}
	dataTitles = []string{"name", "given_name", "family_name", "email", "phone", "locale", "attributes", "file", "decided_by"}
)

func (r Row) cells() []string {
	return []string{r.UserID, r.Status, r.Since.UTC().Format(time.RFC3339Nano), r.Inbox, r.Import, strconv.Itoa(r.Line), strconv.Itoa(r.Generation)}
}

func (d Data) cells() []string {
	attributes := ""
	if len(d.Attributes) > 0 {
		b, err := json.Marshal(d.Attributes)
		if err != nil {
			panic("export: texts can be marshalled: " + err.Error())
		}
		attributes = string(b)
	}
	return []string{d.Name, d.GivenName, d.FamilyName, d.Email, d.Phone, d.Locale, attributes, d.File, d.DecidedBy}
}

// Formats are the names of the formats, the default first.
var Formats = []string{"csv", "jsonl"}

// ErrFormat is about a format that there is not.
var ErrFormat = errors.New("the format is csv or jsonl")

// Writer writes rows in one format.
type Writer struct {
	csv  *csv.Writer
	json *json.Encoder
	data bool
}

// NewWriter begins a file. With data each row has its Data. The titles of CSV are left
// out when the rows continue a file.
func NewWriter(to io.Writer, format string, data, continued bool) (*Writer, error) {
	w := &Writer{data: data}
	switch format {
	case "jsonl":
		w.json = json.NewEncoder(to)
		w.json.SetEscapeHTML(false)
		return w, nil
	case "csv":
		w.csv = csv.NewWriter(to)
		if continued {
			return w, nil
		}
		if data {
			return w, w.csv.Write(append(append([]string{}, titles...), dataTitles...))
		}
		return w, w.csv.Write(titles)
	}
	return nil, ErrFormat
}

// Write adds a row. Data is written only by a Writer with data.
func (w *Writer) Write(r Row) error {
	switch {
	case !w.data:
		r.Data = nil
	case r.Data == nil:
		r.Data = &Data{}
	}
	if w.json != nil {
		return w.json.Encode(r)
	}
	cells := r.cells()
	if w.data {
		cells = append(cells, r.Data.cells()...)
	}
	for i, c := range cells {
		cells[i] = Safe(c)
	}
	return w.csv.Write(cells)
}

// Flush hands over what is still in memory.
func (w *Writer) Flush() error {
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}

// plainPhone is the one kind of cell that may begin with a plus.
var plainPhone = regexp.MustCompile(`^\+[0-9]{7,15}$`)

// Safe puts an apostrophe before a cell that a spreadsheet would take for a formula, as
// the CSV of refused rows has it.
func Safe(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", []rune(cell)[0]) && !plainPhone.MatchString(cell) {
		return "'" + cell
	}
	return cell
}
