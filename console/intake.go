package console

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"usher/event"
)

// Intake is the folders of the watcher, where this console reaches them: files that
// people bring are received, looked at and given to an inbox, and what became of
// earlier ones is read. Errors that are marked permanent are told to the person as they
// are.
type Intake interface {
	Inboxes() []Inbox
	Offers
	Reports
}

// Offers are the files that people have brought and no watcher has yet.
type Offers interface {
	// Receive keeps a file. After an error nothing of it is kept.
	Receive(ctx context.Context, o Offer, from io.Reader) (Upload, error)
	// Step begins what is to be done with an upload, and waits for it as long as ctx.
	Step(ctx context.Context, id string, s Step) (Upload, error)
	// Keep saves what was said about the columns of an upload for other files.
	Keep(ctx context.Context, id, by string) error
	Discard(id string) error
	Upload(id string) (Upload, error)
	Uploads() []Upload // those that no watcher has, the newest first
}

// Reports are what became of imports.
type Reports interface {
	Report(i Import) (Report, error)
	// Rows opens the refused or the skipped rows, see RefusedRows.
	Rows(i Import, kind string) (io.ReadSeekCloser, error)
	// Mendable are the refused rows when they are few enough for a page.
	Mendable(i Import) (Sheet, error)
	Mended(ctx context.Context, i Import, by string, rows Sheet) (Upload, error)
	// Again receives the file of an import once more.
	Again(ctx context.Context, i Import, by string) (Upload, error)
}

// Kinds of rows that came back.
const (
	RefusedRows = "refused"
	SkippedRows = "skipped"
)

// Inbox is how an inbox stands.
type Inbox struct {
	Name    string
	Problem string // why no file of it is taken; "" when they are
	Next    string
	Files   []Lying // that lie in it and are not taken
	More    bool    // there are others
}

// Lying is a file that lies in an inbox.
type Lying struct{ File, Reason, Next string }

// Offer is what is said of a file before its bytes come.
type Offer struct{ File, Inbox, By string }

// Step is what a person wants done with an upload; the zero Step looks at its columns.
type Step struct {
	Check   bool              // judge each row
	Import  bool              // give it to the inbox, if nothing about it asks for a person
	Seen    bool              // a person has seen what there was to ask
	Known   bool              // although its content is known
	Columns map[string]string // what its columns are, by title; nil: as it was
}

// Upload is a file that a person has brought.
type Upload struct {
	ID, File, Inbox, By string
	At                  time.Time
	Bytes               int64
	Digest              string

	Busy     bool
	Doing    string  // what is done with it, in a word; "" for nothing
	Percent  float64 // of a check
	Seen     *Report // what the last look or check told; nil before the first
	Checked  bool    // Seen is of a check
	Unsure   bool    // what a column is taken for should be looked at
	KnownAs  string  // import that had the same content
	Chosen   bool    // its person said what its columns are
	Import   string  // once it was given to an inbox
	Problem  string  // why the last step came to nothing
	Keepable bool    // what was said about its columns can be kept
}

// Report is what a watcher reports of a file, as docs/contract.md says.
type Report struct {
	Import      string         `json:"import"`
	File        string         `json:"file"`
	Source      string         `json:"source"`
	SHA256      string         `json:"sha256"`
	Format      string         `json:"format"`
	Encoding    string         `json:"encoding"`
	Delimiter   string         `json:"delimiter"`
	Why         string         `json:"why"`
	Rows        int            `json:"rows"`
	Published   int            `json:"published"`
	Refused     int            `json:"refused"`
	Blank       int            `json:"blank"`
	Skipped     int            `json:"skipped"`
	Errors      map[string]int `json:"errors"`
	Examples    []Example      `json:"examples"`
	Columns     []Column       `json:"columns"`
	Warnings    []Warning      `json:"warnings"`
	Result      string         `json:"result"`
	DuplicateOf string         `json:"duplicate_of"`
	Code        string         `json:"code"`
	Reason      string         `json:"reason"`
	Next        string         `json:"next"`
	UploadedBy  string         `json:"uploaded_by"`
}

// Example is one of the first rows with an error.
type Example struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Column is what a column was taken for.
type Column struct {
	Title string `json:"title"`
	As    string `json:"as"`
	Note  string `json:"note"`
}

// Warning is what a person should look at.
type Warning struct {
	Code      string `json:"code"`
	Text      string `json:"text"`
	Count     int    `json:"count"`
	FirstLine int    `json:"first_line"`
}

// ByCode are the first rows of each code, with how many there are.
func (r Report) ByCode() (out []CodeRows) {
	for _, code := range slices.SortedFunc(maps.Keys(r.Errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Errors[b], r.Errors[a]), cmp.Compare(a, b))
	}) {
		c := CodeRows{Code: code, Count: r.Errors[code]}
		for _, e := range r.Examples {
			if e.Code == code {
				c.First = append(c.First, e)
			}
		}
		out = append(out, c)
	}
	return out
}

// CodeRows are the rows with one error.
type CodeRows struct {
	Code  string
	Count int
	First []Example
}

// Sheet are refused rows as they are mended on a page.
type Sheet struct {
	Columns []string
	Rows    []SheetRow
}

// SheetRow is one of them.
type SheetRow struct {
	Number, Line int // in the file that it came from
	Cells        []string
	Codes        []string
	Reason       string
}

// meanings are what a person may say that a column is.
var meanings = []string{"user_id", "name", "first_name", "last_name", "email", "phone", "locale", "attribute", "ignored"}

// errNoIntake is the error about what needs the watcher's folders.
var errNoIntake = event.Permanent(errors.New("this console does not reach the watcher's folders"))
