package event

import "time"

// FilePosition is a place between two rows of a file, as table.Position has it.
type FilePosition struct {
	Record int   `json:"record"`           // the last one before it
	Offset int64 `json:"offset,omitempty"` // of the next row, in bytes after the byte order mark
	Line   int   `json:"line,omitempty"`   // the last one before it
	Titles int64 `json:"titles,omitempty"` // offset of the titles that are in force, when they are not the first
}

// Checkpoint is the body of users.v1.checkpoint.<source>.<sha256>: how far the import of
// one file has come, stored in one batch with the records. The last one never expires,
// so that a file that was imported is known again.
type Checkpoint struct {
	FilePosition                   // behind the last record that was dealt with
	Import       string            `json:"import"`
	File         string            `json:"file"`
	Source       string            `json:"source"`
	Published    int               `json:"published"`
	Refused      int               `json:"refused"`
	Rows         int               `json:"rows"`
	Done         bool              `json:"done"`
	Columns      map[string]string `json:"columns,omitempty"` // what was said of its columns when it began
	StartedAt    time.Time         `json:"started_at"`
	At           time.Time         `json:"at"`
}

// States of an import. The last four are ends.
const (
	ImportReading    = "reading"    // its digest and form are being found
	ImportValidating = "validating" // every row is judged; nothing is published yet
	ImportPublishing = "publishing"
	ImportWaiting    = "waiting" // Reason says for what
	ImportHeld       = "held"    // it waits for a person, see Release; Reason says why
	ImportArchived   = "archived"
	ImportRefused    = "refused"
	ImportDuplicate  = "duplicate"
	ImportGone       = "gone" // what could not be taken was taken out of the inbox
)

// Progress is the body of users.v1.progress.<source>.<import>: where the import of
// one file stands, or how it ended. Only the last one of an import is kept. It
// names no person, except that a file's name may.
type Progress struct {
	Import string `json:"import"`
	File   string `json:"file"`
	Source string `json:"source"`
	State  string `json:"state"`
	Digest string `json:"sha256,omitempty"` // of a file that is held: what a release must name

	Percent float64 `json:"percent,omitempty"`      // of the step that State says
	Rate    float64 `json:"rate,omitempty"`         // rows a second, while publishing
	Left    float64 `json:"left_seconds,omitempty"` // until that step is done

	Rows        int            `json:"rows,omitempty"`
	Record      int            `json:"record,omitempty"` // the last one that was dealt with
	Published   int            `json:"published,omitempty"`
	Refused     int            `json:"refused,omitempty"`
	Errors      map[string]int `json:"errors,omitempty"` // by code
	Code        string         `json:"code,omitempty"`   // of a file that was refused whole
	Reason      string         `json:"reason,omitempty"` // why it waits, or was refused
	DuplicateOf string         `json:"duplicate_of,omitempty"`
	Next        string         `json:"next,omitempty"`        // what the operator does now
	UploadedBy  string         `json:"uploaded_by,omitempty"` // who gave the file at the console, once that is known
	StartedAt   time.Time      `json:"started_at"`
	At          time.Time      `json:"at"`
}

// Over reports whether the import has ended.
func (p Progress) Over() bool {
	return p.State == ImportArchived || p.State == ImportRefused || p.State == ImportDuplicate || p.State == ImportGone
}

// ProgressSubject is where the progress of one import is kept.
func ProgressSubject(source, imported string) string {
	return "users.v1.progress." + source + "." + imported
}

// Release is the body of users.v1.release.<source>.<import>: what a person decided
// about a file that is held. The last one counts, until the import has begun.
type Release struct {
	Import string    `json:"import"`
	Source string    `json:"source"`
	Digest string    `json:"sha256"` // of the bytes that were held; it says nothing about others
	Refuse bool      `json:"refuse,omitempty"`
	Actor  string    `json:"actor"`
	At     time.Time `json:"at"`
}

// ReleaseKept is how long a release is kept, as long as the end of its import.
const ReleaseKept = 400 * 24 * time.Hour

// Subject is where the release is kept.
func (r Release) Subject() string { return ReleaseSubject(r.Source, r.Import) }

// ReleaseSubject is where what a person decided about a held import is kept.
func ReleaseSubject(source, imported string) string {
	return "users.v1.release." + source + "." + imported
}

// InboxSubject is where usher keeps what earlier files of an inbox were like.
func InboxSubject(source string) string { return "users.v1.inbox." + source }
