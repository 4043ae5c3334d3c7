package event

import "time"

// Job is one run of something that happens regularly.
type Job struct {
	Run string    `json:"run"` // the same for each try; names the run in ledgers
	At  time.Time `json:"at"`  // when it was due
}
