package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"usher/disk"
	"usher/event"
	"usher/table"
)

// Results of a file.
const (
	resultArchived  = "archived"
	resultRefused   = "refused"
	resultDuplicate = "duplicate"
)

// Report tells what became of a file. It names no person.
type Report struct {
	Import      string          `json:"import"`
	File        string          `json:"file"`
	Source      string          `json:"source"`
	SHA256      string          `json:"sha256"`
	Format      string          `json:"format"`
	Encoding    string          `json:"encoding"`
	Delimiter   string          `json:"delimiter,omitempty"`
	Why         string          `json:"why,omitempty"` // how format, encoding and delimiter were told
	Rows        int             `json:"rows"`
	Published   int             `json:"published"`
	Refused     int             `json:"refused"`
	Blank       int             `json:"blank"`
	Skipped     int             `json:"skipped"`                // rows that the inbox leaves out
	SkippedRows string          `json:"skipped_rows,omitempty"` // the file that lists them
	Errors      map[string]int  `json:"errors"`
	Examples    []Example       `json:"examples,omitempty"`
	Columns     []table.Use     `json:"columns,omitempty"`
	Warnings    []table.Warning `json:"warnings,omitempty"`
	Result      string          `json:"result"`
	DuplicateOf string          `json:"duplicate_of,omitempty"`
	Code        string          `json:"code,omitempty"`        // of a file refused whole
	Reason      string          `json:"reason,omitempty"`      // and why
	Next        string          `json:"next"`                  // what the operator does now
	UploadedBy  string          `json:"uploaded_by,omitempty"` // who gave it at the console
	StartedAt   time.Time       `json:"started_at"`
	FinishedAt  time.Time       `json:"finished_at"`

	cutOff string // that the file may have been cut off, and where; else ""
	cutRow bool   // its last row is among the refused ones
}

// Example is one of the first rows with an error.
type Example struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

const examplesPerCode = 5

// addErrors counts what is wrong with one row.
func (r *Report) addErrors(line int, errs []table.RowError) {
	r.Refused++
	for _, e := range errs {
		if r.Errors[e.Code]++; r.Errors[e.Code] <= examplesPerCode {
			r.Examples = append(r.Examples, Example{line, e.Code, e.Field, e.Reason})
		}
	}
}

// conclude sets the result and the next step.
func (r *Report) conclude(refusedFile string) {
	switch {
	case r.Code != "":
		r.Result, r.Next = resultRefused, "Mend the file and drop it again."
		if next, ok := nextSteps[r.Code]; ok {
			r.Next = next
		}
		if r.cutOff != "" {
			r.Next = "Compare the file with what was sent. If it was cut off, have the whole file sent again; nothing of this one was published."
		}
	case r.DuplicateOf != "":
		r.Result, r.Next = resultDuplicate, "Nothing to do: its content was imported before. To import it all the same, use usher redrop."
	case r.Published == 0 && r.Refused > 0:
		r.Result, r.Code, r.Reason = resultRefused, "E_ALL_ROWS", "no row can be used"
		r.Next = "Mend the rows in " + refusedFile + " and drop that file."
		if r.cutOff != "" {
			r.Next = cutOffNext
		}
	case r.cutOff != "":
		r.Result, r.Next = resultArchived, cutOffNext
		if r.Refused > 1 || r.Refused > 0 && !r.cutRow { // the last one is none to mend
			r.Next += " The other refused rows are in " + refusedFile + ": mend them and drop that file."
		}
	case r.Refused > 0:
		r.Result, r.Next = resultArchived, "Mend the rows in "+refusedFile+" and drop that file."
	case r.Rows == 0:
		r.Result, r.Code, r.Reason, r.Next = resultRefused, "E_EMPTY", "the file has a header and no rows", "Drop the file again with its rows."
	default:
		r.Result, r.Next = resultArchived, "Nothing to do."
	}
}

const cutOffNext = "Compare the file with what was sent. If it was cut off, have the whole file sent again and drop that."

// nextSteps after a file was refused whole, where mending it is not the answer.
var nextSteps = map[string]string{
	"E_KNOWN":            "Nothing to do, unless it must be imported again: then use usher redrop.",
	"E_CHANGED":          "Drop the file again once no program writes to it any more; what was published before is recognised by user_id.",
	"E_LINK":             "Drop a copy of the file.",
	"E_SPECIAL":          "Drop a copy of the file itself.",
	"E_UNREADABLE":       "Change the permissions of the file and drop it again.",
	"E_CUT_OFF":          "Have the whole file sent again; nothing of this one was published.",
	"E_CHECKSUM":         "Have the file and its checksum sent again; nothing of it was published.",
	"E_TRAILER":          "Have the file sent again; nothing of it was published.",
	"E_UPLOAD":           "Upload the file again; nothing of it was published.",
	"E_POISON":           "Report this, with the file if you may; to try it once more, use usher redrop.",
	"E_STRICT":           "Mend what the warnings say, or take the inbox out of --strict, and drop the file again; nothing of it was published.",
	"E_TOO_MANY_REFUSED": "Mend the rows named here and drop the file again; nothing of it was published.",
}

// progress is the report as consoles show it.
func (r Report) progress() event.Progress {
	return event.Progress{
		Import: r.Import, File: r.File, Source: r.Source, State: r.Result, Percent: 100, Rows: r.Rows, Record: r.Rows, Published: r.Published, Refused: r.Refused,
		Errors: r.Errors, Code: r.Code, Reason: r.Reason, DuplicateOf: r.DuplicateOf, Next: r.Next, UploadedBy: r.UploadedBy, StartedAt: r.StartedAt, At: r.FinishedAt,
	}
}

// Text is the report for people.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", r.File, r.Result)
	if r.Reason != "" {
		fmt.Fprintf(&b, "%s (%s)\n\n", r.Reason, r.Code)
	}
	if r.DuplicateOf != "" {
		fmt.Fprintf(&b, "duplicate of import %s\n\n", r.DuplicateOf)
	}
	fmt.Fprintf(&b, "import     %s\nsource     %s", r.Import, r.Source)
	if r.UploadedBy != "" {
		fmt.Fprintf(&b, "\nuploaded   by %s", r.UploadedBy)
	}
	if r.Format != "" {
		fmt.Fprintf(&b, "\nformat     %s, %s", r.Format, r.Encoding)
	}
	if r.Delimiter != "" {
		fmt.Fprintf(&b, ", delimiter %q", r.Delimiter)
	}
	if r.Why != "" {
		fmt.Fprintf(&b, "\nbecause    %s", r.Why)
	}
	fmt.Fprintf(&b, "\nrows       %d, %d published, %d refused, %d blank", r.Rows, r.Published, r.Refused, r.Blank)
	if r.Skipped > 0 {
		fmt.Fprintf(&b, ", %d skipped", r.Skipped)
	}
	b.WriteByte('\n')
	if r.SkippedRows != "" {
		fmt.Fprintf(&b, "skipped    listed in %s\n", r.SkippedRows)
	}
	for _, c := range r.Columns {
		fmt.Fprintf(&b, "column     %q: %s", c.Title, c.As)
		if c.Note != "" {
			fmt.Fprintf(&b, ", %s", c.Note)
		}
		b.WriteByte('\n')
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning    %s", w.Text)
		if w.Count > 1 {
			fmt.Fprintf(&b, ", %d times", w.Count)
		}
		if w.FirstLine > 0 {
			fmt.Fprintf(&b, ", first in line %d", w.FirstLine)
		}
		fmt.Fprintf(&b, " (%s)\n", w.Code)
	}
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(&b, "\n%s, %d times\n", code, r.Errors[code])
		for _, e := range r.Examples {
			if e.Code == code {
				fmt.Fprintf(&b, "  line %d: %s %s\n", e.Line, e.Field, e.Reason)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.Next)
	return b.String()
}

// write puts the report beside the file of the given name.
func (r Report) write(folder *os.Root, name string, fault event.Fault) error {
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := disk.Replace(folder, name+".report.json", append(j, '\n'), 0o640); err != nil {
		return err
	}
	fault.At("ingest.report")
	return disk.Jot(folder, name+".report.txt", []byte(r.Text()), 0o640) // the same again, for people
}

// refusedRows is the file of refused rows.
type refusedRows struct {
	*table.Refused
	f *os.File
}

func newRefusedRows(folder *os.Root, name string, columns []string) (refusedRows, error) {
	f, err := folder.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return refusedRows{}, err
	}
	r, err := table.NewRefused(f, columns)
	return refusedRows{r, f}, err
}

func (r refusedRows) close() error { return errors.Join(r.Flush(), r.f.Sync(), r.f.Close()) }
