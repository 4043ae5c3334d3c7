package ingest

import "usher/table"

// Inbox is one folder to watch.
type Inbox struct {
	Source string // names the event source
	Dir    string
	Region string // ISO 3166 country of phone numbers without a country code; "" refuses them

	HiddenRows table.HiddenRows // what is done with rows that a sheet of Excel hides

	Columns table.Mapping                                   // what columns are taken for, whatever their titles say; may be nil
	Saved   func(fingerprint string) (table.Mapping, error) // what was saved for files with certain titles; of a watcher always what is on the stream
	Skip    SkipRules                                       // rows that are left out; may be nil
	Strict  bool                                            // a file with a warning is refused

	// Limits of a file, held against it before its first record is published.
	// Beyond one the whole file is refused; 0 is no limit.
	AllOrNothing      bool    // refuse the file when one row is refused
	MaxRows           int     // rows of a file
	MaxRefused        int     // refused rows
	MaxRefusedPercent float64 // refused rows of 100, in files of more than 20

	// How a file is known to be whole, see whole.go.
	Complete    string  // what tells it: "" for nothing, or one of the Complete constants
	TrailerLine string  // with CompleteTrailer: pattern of the last line
	TrailerName string  // with CompleteTrailer: pattern of the file's name
	LastLine    string  // what a file that may be cut off becomes: one of the LastLine constants, or "" for what its inbox is used to
	MinRows     int     // a file of fewer rows waits for a person
	Shrink      float64 // so does one that has so many of 100 rows fewer than the last file; 0 is no limit
}

// Ways in which a sender says that a file is whole.
const (
	CompleteMarker   = "marker"   // NAME.done or NAME.ok beside it, written after it
	CompleteChecksum = "checksum" // NAME.sha256 beside it
	CompleteTrailer  = "trailer"  // the number of rows, in its last line or its name
)

// What becomes of a file that may be cut off, because its last line has no end or
// its last row cannot be read.
const (
	LastLineAny    = "any"    // it is imported, with a warning
	LastLineHold   = "hold"   // it waits for a person
	LastLineRefuse = "refuse" // it is refused whole
)
