package ingest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// progress tells how far one import is: in the gauges of its inbox, which add up
// over all imports in work, in a file in its claim, for `usher status`, and on
// NATS, for consoles. An import that is done within a second tells its end only.
type progress struct {
	mu     sync.Mutex
	p      event.Progress
	began  time.Time // of the step
	first  int       // record at which the step began
	size   int64     // bytes that the step reads
	read   int64     // of them
	total  int       // rows, as the gauges show them
	done   int
	gauges func(state string, add int)
}

// tellEvery is how often an import in work tells how far it is.
const tellEvery = time.Second

// progressFile lies in the claim.
const progressFile = ".progress.json"

func newProgress(w *Watcher, r Report) *progress {
	p := &progress{p: event.Progress{Import: r.Import, File: r.File, Source: r.Source, StartedAt: r.StartedAt}}
	p.gauges = func(state string, add int) {
		if w.Metrics != nil && add != 0 {
			w.Metrics.ImportRows.WithLabelValues(r.Source, state).Add(float64(add))
		}
	}
	return p
}

// step begins a step, which reads so many bytes.
func (p *progress) step(state string, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.State, p.p.Reason, p.began, p.size, p.read, p.first = state, "", time.Now(), size, 0, p.p.Record
}

// rows says how many rows there are, and how many of them are done and refused.
func (p *progress) rows(all, done, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.Rows, p.p.Record, p.p.Refused, p.first = all, done, refused, done
	p.gauge(all, done)
}

// at says how many rows are done.
func (p *progress) at(c event.Checkpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.Record, p.p.Published = c.Record, c.Published
	p.gauge(p.total, c.Record)
}

func (p *progress) gauge(total, done int) {
	p.gauges("total", total-p.total)
	p.gauges("done", done-p.done)
	p.total, p.done = total, done
}

// uploadedBy says who gave the file at the console.
func (p *progress) uploadedBy(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.UploadedBy = who
}

// wait says what the import stands still for, "" when it goes on.
func (p *progress) wait(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.p.State = event.ImportPublishing; reason != "" {
		p.p.State = event.ImportWaiting
	}
	p.p.Reason, p.began, p.first = reason, time.Now(), p.p.Record
}

// end takes the rows out of the gauges.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gauge(0, 0)
}

// now is the progress with its rate and the time that is left.
func (p *progress) now() event.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.p
	out.At = time.Now().UTC()
	took := time.Since(p.began).Seconds()
	part := 0.0
	switch {
	case out.State == event.ImportPublishing && out.Rows > 0:
		part = float64(out.Record) / float64(out.Rows)
		if did := out.Record - p.first; did > 0 && took > 0 {
			out.Rate = float64(did) / took
			out.Left = float64(out.Rows-out.Record) / out.Rate
		}
	case out.State != event.ImportWaiting && p.size > 0:
		part = min(1, float64(p.read)/float64(p.size)) // what is packed may be read twice
		if part > 0 {
			out.Left = took/part - took
		}
	}
	out.Percent = 100 * part
	return out
}

// metered has bytes counted that are read under the context.
func (p *progress) metered(ctx context.Context) context.Context {
	return table.Metered(ctx, func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.read += int64(n)
	})
}

// telling tells the progress of the job every second, until the returned function
// is called, which waits for a word on its way.
func (j *job) telling(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for event.Sleep(ctx, tellEvery) {
			_ = j.guard.Do("telling how an import stands", func() error {
				j.Fault.At("ingest.telling")
				j.show(ctx, j.progress.now())
				return nil
			})
		}
	})
	return func() { cancel(); wg.Wait() }
}

// show tells people how far the import is; nothing rests on it.
func (j *job) show(ctx context.Context, p event.Progress) {
	b, err := json.Marshal(p)
	if err != nil {
		return
	}
	_ = disk.Jot(j.claim, progressFile, b, 0o640)
	if j.in.Source != event.SourceCanary {
		ctx, cancel := context.WithTimeout(ctx, tellEvery)
		defer cancel()
		_ = j.teller.publish(ctx, p)
	}
}

// InWork finds imports that have not ended in the inboxes beside or at the given
// folders: by id, or by the name of the file. A file that is not taken yet has a
// state of its own.
func InWork(what string, inboxes ...string) (found []event.Progress) {
	for _, dir := range inboxes {
		claims, _ := filepath.Glob(filepath.Join(dir, inbox.WorkFolder, "*")) // the pattern is good
		for _, claim := range claims {
			id := filepath.Base(claim)
			if _, err := ksuid.Parse(id); err != nil {
				continue
			}
			p := event.Progress{Import: id, State: event.ImportReading, Source: filepath.Base(dir)}
			if b, err := os.ReadFile(filepath.Join(claim, progressFile)); err == nil {
				_ = json.Unmarshal(b, &p) // otherwise it has only begun
			}
			entries, err := os.ReadDir(claim)
			if err != nil {
				continue // it has ended, or its inbox is not ours to read
			}
			for _, e := range entries {
				if !strings.HasPrefix(e.Name(), ".") {
					p.File = files.Clean(e.Name())
				}
			}
			if what == "" || what == id || files.Clean(filepath.Base(what)) == p.File {
				found = append(found, p)
			}
		}
		found = append(found, foldersIn(dir, what)...)
		if what == "" {
			continue
		}
		if i, err := os.Lstat(filepath.Join(dir, filepath.Base(what))); err == nil && !i.IsDir() {
			p := event.Progress{File: files.Clean(filepath.Base(what)), Source: filepath.Base(dir), State: "in the inbox", Reason: "a program may still be writing it, or the marker or checksum that its inbox asks for is missing", Next: "Nothing to do."}
			if inbox.Ignored(filepath.Base(what)) {
				p.Reason, p.Next = "its name says that it is on its way", "Rename it when it is complete."
			}
			found = append(found, p)
		}
	}
	return found
}
