package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"usher/disk"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// A file on which usher dies must not make it die again and again. Before a step
// that reads the file, the claim notes which step it is; the note goes when the
// step ended, however it ended. A watcher that finds such a note when it begins to
// serve a folder knows that usher died meanwhile, of this file or of anything else.
//
// Of several files in work at a death one may be the cause. All of them are noted, and
// from then on each is tried alone: no other file is in work meanwhile, also none that
// came since. So the next death counts against the one that was tried, and innocent
// files collect one death at most. A file that was in work at three deaths at the same
// step is given back.
const mostDeaths = 3

const triesFile = ".tries"

// tries is what the note says.
type tries struct {
	Begun  string         `json:"begun,omitempty"`  // the step in hand
	Deaths map[string]int `json:"died,omitempty"`   // of usher, by step
	Digest string         `json:"digest,omitempty"` // of the file when it was first read
}

func (t *tries) died() {
	if t.Deaths == nil {
		t.Deaths = map[string]int{}
	}
	t.Deaths[t.Begun]++
	t.Begun = ""
}

func readTries(claim *os.Root) (t tries) {
	if b, err := claim.ReadFile(triesFile); err == nil {
		_ = json.Unmarshal(b, &t) // a torn note is none
	}
	return t
}

// write need not survive the machine, only this process.
func (t tries) write(claim *os.Root) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return disk.Jot(claim, triesFile, b, 0o640)
}

// countDeath looks which claims of a folder were in work when the watcher before
// this one died, and counts the death.
func countDeath(f *inbox.Folder) error {
	ids, err := f.Claims()
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, inClaim(f, id, func(claim *os.Root) error {
			t := readTries(claim)
			if t.Begun == "" {
				return nil
			}
			t.died()
			return t.write(claim)
		}))
	}
	return errors.Join(errs...)
}

func inClaim(f *inbox.Folder, id string, do func(*os.Root) error) error {
	claim, err := f.Root.OpenRoot(inbox.ClaimPath(id))
	if err != nil {
		return files.Reason(err)
	}
	return errors.Join(do(claim), claim.Close())
}

// try begins a step, which ends the one before, or refuses the file.
func (j *job) try(step string) error {
	if err := j.ended(); err != nil {
		return err
	}
	t := readTries(j.claim)
	n := t.Deaths[step]
	if n >= mostDeaths {
		return table.Unusable("E_POISON", "usher failed on this file %d times and leaves it alone; report it, and drop the file in another form", n)
	}
	switch {
	case j.leave != nil:
	case n > 0:
		j.inWork.Lock()
		j.leave = j.inWork.Unlock
	default:
		j.inWork.RLock()
		j.leave = j.inWork.RUnlock
	}
	t.Begun = step
	return t.write(j.claim)
}

// cleared ends the time in which a death counts against the file, before another one
// may be tried.
func (j *job) cleared() {
	if j.leave == nil {
		return
	}
	if err := j.ended(); err != nil {
		j.Log.Warn("could not note that a file was read; if usher dies now, this file is blamed", "import", j.report.Import, "error", files.Reason(err))
	}
	j.leave()
	j.leave = nil
}

// rests ends the time in which a death counts against the file while it waits for
// something else, maybe for days. goOn begins it again, with the deaths of before.
func (j *job) rests() (goOn func() error, err error) {
	t := readTries(j.claim)
	step := t.Begun
	if j.leave == nil || step == "" {
		return func() error { return nil }, nil
	}
	t.Begun = ""
	if err := t.write(j.claim); err != nil {
		return nil, files.Reason(err)
	}
	j.leave()
	j.leave = nil
	return func() error { return j.try(step) }, nil
}

// ended forgets the step in hand and its deaths. The digest stays: a claim has
// one content.
func (j *job) ended() error {
	t := readTries(j.claim)
	if t.Begun == "" {
		return nil // also when the claim is gone
	}
	delete(t.Deaths, t.Begun)
	t.Begun = ""
	return t.write(j.claim)
}

// failed counts a panic, which is the death of the import only.
func (j *job) failed() error {
	t := readTries(j.claim)
	if t.Begun == "" {
		return nil
	}
	t.died()
	return t.write(j.claim)
}

// sameContent refuses a file whose bytes are not those that this import read
// first.
func (j *job) sameContent(ctx context.Context) error {
	t := readTries(j.claim)
	if t.Digest != "" && t.Digest != j.table.Digest {
		may, err := j.mayChange(ctx, t.Digest)
		if err != nil {
			return err
		}
		if !may {
			return errChanged
		}
	}
	t.Digest = j.table.Digest
	return t.write(j.claim)
}
