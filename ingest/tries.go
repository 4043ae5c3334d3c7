package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
)

// A file on which usher dies must not make it die again and again. Before a step
// that reads the file, the claim notes which step it is; the note goes when the
// step ended, however it ended. A process that finds it three times at the same
// place gives the file back.
//
// Of several files in work at a crash one may be the cause. All of them are noted,
// so from then on each is tried while no other one of them is: the next crash
// counts against one only.

// mostTries is how often the same step may be begun and not ended.
const mostTries = 3

const triesFile = ".tries"

// tries is what the note says.
type tries struct {
	Tries  map[string]int `json:"tries,omitempty"`  // by step
	Digest string         `json:"digest,omitempty"` // of the file when it was first read
}

func (j *job) noted() (t tries) {
	if b, err := j.claim.ReadFile(triesFile); err == nil {
		_ = json.Unmarshal(b, &t) // a torn note is none
	}
	return t
}

// note writes the note. It need not survive the machine, only this process.
func (j *job) note(t tries) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return jot(j.claim, triesFile, b)
}

// try begins a step, which ends the one before, or refuses the file.
func (j *job) try(step string) error {
	t := j.noted()
	if t.Tries == nil {
		t.Tries = map[string]int{}
	}
	delete(t.Tries, j.step)
	j.step = step
	if n := t.Tries[step]; n >= mostTries {
		return &fileError{"E_POISON", fmt.Sprintf("usher failed on this file %d times and leaves it alone; report it, and drop the file in another form", n)}
	}
	if t.Tries[step] > 0 && j.alone == nil {
		j.suspects.Lock()
		j.alone = j.suspects.Unlock
		t = j.noted() // it may have been long
		if t.Tries == nil {
			t.Tries = map[string]int{}
		}
	}
	t.Tries[step]++
	return j.note(t)
}

// cleared ends the time in which no other suspect is tried.
func (j *job) cleared() {
	if j.alone != nil {
		j.alone()
		j.alone = nil
	}
}

// ended takes the count of the step in hand back. The digest stays: a claim has
// one content.
func (j *job) ended() error {
	t := j.noted()
	if t.Tries[j.step] == 0 {
		return nil // also when the claim is gone
	}
	delete(t.Tries, j.step)
	return j.note(t)
}

// sameContent refuses a file whose bytes are not those that this import read
// first.
func (j *job) sameContent() error {
	t := j.noted()
	if t.Digest != "" && t.Digest != j.nature.digest {
		return errChanged
	}
	t.Digest = j.nature.digest
	return j.note(t)
}

// panicError is a panic of the importer.
type panicError struct{ kind, stack string }

func (e *panicError) Error() string { return "the importer failed on this file (" + e.kind + ")" }

// safely turns a panic into an error, so that the process and the other files go
// on. What was panicked with stays out: it may hold what stands in the file.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{fmt.Sprintf("%T", p), string(debug.Stack())}
		}
	}()
	return f()
}

// panicked returns where the importer failed, "" when it did not.
func panicked(err error) (stack string) {
	var p *panicError
	if errors.As(err, &p) {
		return p.stack
	}
	return ""
}
