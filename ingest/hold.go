package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"usher/disk"
	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// A file about whose end there are doubts is held: it stays in its claim, nothing of
// it is published, and usher asks a person. Their answer is a message on the stream,
// so that it can be given anywhere, outlives a crash, and is found by whichever
// watcher has the claim. It names the bytes that were held: a file that changed since
// is held anew.

// held is what inbox.HeldNote says. It saves reading the file again at each look; when
// it is lost, the file is judged anew.
type held struct {
	Digest string    `json:"sha256"`
	Reason string    `json:"reason"`
	Size   int64     `json:"size"`  // of the file when it was judged
	Ctime  int64     `json:"ctime"` // when it was changed last, in nanoseconds since 1970
	Since  time.Time `json:"since"`
}

func readHeld(claim *os.Root) (h held, ok bool) {
	b, err := claim.ReadFile(inbox.HeldNote)
	if err != nil || json.Unmarshal(b, &h) != nil { // a torn note is none
		return held{}, false
	}
	return h, true
}

// nextHeld is what the operator does about a file that is held.
func nextHeld(id string) string {
	return "Compare it with what was sent. If it is whole, let it go, in the console or with `usher release " + id + "`. If not, refuse it there (--refuse), and have it sent again."
}

// hold notes that the file waits for a person, and tells it.
func (j *job) hold(ctx context.Context, why string) error {
	j.Fault.At("ingest.holding")
	now := time.Now().UTC()
	since := now
	if before, ok := readHeld(j.claim); ok {
		since = before.Since
	}
	b, err := json.Marshal(held{j.table.Digest, why, j.taken.Size, j.taken.Ctime, since})
	if err != nil {
		return err
	}
	j.quiet()
	p := j.progress.now()
	p.State, p.Reason, p.Next, p.Digest, p.Percent, p.Rate, p.Left = event.ImportHeld, why, nextHeld(j.report.Import), j.table.Digest, 0, 0, 0
	p.Rows, p.Refused, p.At = j.report.Rows, j.report.Refused, now
	if err := j.teller.publish(ctx, p); err != nil {
		return err
	}
	if text, err := json.Marshal(p); err == nil {
		_ = disk.Jot(j.claim, progressFile, text, 0o640) // for `usher status` on this machine
	}
	j.Fault.At("ingest.told-held")
	if err := disk.Jot(j.claim, inbox.HeldNote, b, 0o640); err != nil {
		return err
	}
	j.releases.watch(j.in.Source, j.report.Import)
	j.Fault.At("ingest.held")
	j.Log.Warn("a file is held, because it may not be whole; see usher status", "source", j.in.Source, "import", j.report.Import, "rows", j.report.Rows)
	return nil
}

// whole holds the file when there are doubts about its end that no person has
// answered, and reports whether it did. grown says that it was written to after it was
// taken. The error may be a *table.FileError.
func (j *job) whole(ctx context.Context, grown string) (held bool, err error) {
	why, err := j.doubts(ctx)
	if err != nil {
		return false, err
	}
	if grown != "" {
		why = strings.TrimSuffix(grown+"; "+why, "; ")
	}
	if before, ok := readHeld(j.claim); ok && why == "" {
		why = "it was held: " + before.Reason
	}
	if why == "" {
		return false, nil
	}
	r, ok, err := j.releases.find(ctx, j.in.Source, j.report.Import)
	if err != nil {
		return false, err
	}
	switch {
	case ok && r.Digest == j.table.Digest && r.Refuse:
		return false, table.Unusable("E_CUT_OFF", "%s; it was held, and an operator refused it", why)
	case ok && r.Digest == j.table.Digest:
		j.letGo(why)
		return false, nil
	case ok:
		why += "; it has changed since it was released"
	}
	return true, j.hold(ctx, why)
}

// letGo notes that a person has released the file, who says with it that it is whole.
func (j *job) letGo(why string) {
	j.warnings.Add("W_RELEASED", "it was held, and an operator released it: "+why, 0)
	j.describe()
	j.report.cutOff = ""
}

// lookAgain says that the file was written to after it was taken, where the system
// could not tell whether a program still had it open; else "".
func (j *job) lookAgain() (grown string, err error) {
	u, unsure := inbox.UnsureIn(j.claim)
	if !unsure || j.redrop {
		return "", nil
	}
	i, err := j.file.Stat()
	if err != nil {
		return "", err
	}
	if i.Size() != u.Size || files.Of(i) != j.taken {
		return fmt.Sprintf("it was taken with %d bytes, and was written to after that, so its upload may not be over", u.Size), nil
	}
	return "", nil
}

// mayChange reports whether nothing rests yet on the bytes that the import read first:
// the file was held since, or may still have been written, and none of it is published.
func (j *job) mayChange(ctx context.Context, digest string) (bool, error) {
	_, held := readHeld(j.claim)
	_, unsure := inbox.UnsureIn(j.claim)
	if !held && !unsure {
		return false, nil
	}
	c, _, err := j.publisher.load(ctx, j.in.Source, digest)
	return c.Import != j.report.Import, err
}

// wanted reports whether a claim wants an importer: not while it is held, unless a
// person has answered, or the file is another than the one that was judged; and not
// before a file of which the system told little is looked at again.
func (w *Watcher) wanted(f *inbox.Folder, id string) bool {
	wanted := true
	_ = inClaim(f, id, func(claim *os.Root) error { // a claim that cannot be read is its import's matter
		if u, unsure := inbox.UnsureIn(claim); unsure {
			if since := time.Since(u.At); since >= 0 && since < w.Quiet {
				wanted = false
				return nil
			}
		}
		h, ok := readHeld(claim)
		if !ok {
			return nil
		}
		name, err := original(claim)
		if err != nil || name == "" {
			return err
		}
		l, there := files.At(claim, name)
		wanted = !there || l.Size != h.Size || l.Ctime != h.Ctime || w.releases.answered(f.Source, id, h.Digest)
		return nil
	})
	return wanted
}

// original is the name of the file in a claim, "" when it was moved away. What is
// usher's own has a dot before it.
func original(claim *os.Root) (name string, err error) {
	err = files.Names(claim, ".", func(n string) {
		if !strings.HasPrefix(n, ".") {
			name = n
		}
	})
	return name, err
}

// releases knows which held imports a person has answered about. It is safe for
// concurrent use.
type releases struct {
	*publisher

	mu      sync.Mutex
	waiting map[[2]string]event.Release // by source and import; zero while there is no answer
}

// watch looks for an answer about an import from now on.
func (r *releases) watch(source, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.waiting[[2]string{source, id}]; !known {
		r.waiting[[2]string{source, id}] = event.Release{}
	}
}

// answered reports whether there is an answer about these bytes, as of the last look.
func (r *releases) answered(source, id, digest string) bool {
	r.watch(source, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting[[2]string{source, id}].Digest == digest
}

// over forgets an import.
func (r *releases) over(source, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, [2]string{source, id})
}

// find reads the answer about an import.
func (r *releases) find(ctx context.Context, source, id string) (out event.Release, ok bool, err error) {
	body, seq, err := r.last(ctx, event.ReleaseSubject(source, id), "whether the file was released")
	if err != nil || seq == 0 {
		return out, false, err
	}
	return out, json.Unmarshal(body, &out) == nil, nil // anybody may write there
}

// mostAnswers is how many imports are looked up at once.
const mostAnswers = 100

// run looks for answers from time to time, until ctx ends.
func (r *releases) run(ctx context.Context, every time.Duration) {
	next := 0
	for event.Sleep(ctx, every) {
		keys := r.keys()
		for range min(len(keys), mostAnswers) {
			key := keys[next%len(keys)]
			next++
			out, ok, err := r.find(ctx, key[0], key[1])
			if err != nil {
				break // NATS is away; the next look comes soon
			}
			r.mu.Lock()
			if _, still := r.waiting[key]; ok && still {
				r.waiting[key] = out
			}
			r.mu.Unlock()
		}
	}
}

func (r *releases) keys() [][2]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := make([][2]string, 0, len(r.waiting))
	for k := range r.waiting {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return keys
}
