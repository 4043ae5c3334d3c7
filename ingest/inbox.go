package ingest

import "usher/table"

// Inbox is one folder to watch.
type Inbox struct {
	Source string // names the event source
	Dir    string
	Region string // ISO 3166 country of phone numbers without a country code; "" refuses them

	HiddenRows table.HiddenRows // what is done with rows that a sheet of Excel hides

	// Limits of a file, held against it before its first record is published.
	// Beyond one the whole file is refused; 0 is no limit.
	AllOrNothing      bool    // refuse the file when one row is refused
	MaxRows           int     // rows of a file
	MaxRefused        int     // refused rows
	MaxRefusedPercent float64 // refused rows of 100, in files of more than 20
}
