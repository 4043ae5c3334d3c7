package inbox

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/ingest/files"
	"usher/metrics"
)

// A file that is exchanged in the very moment of its claim goes back, and never
// over one that came meanwhile.
func TestAFileThatIsReplacedWhileItIsClaimed(t *testing.T) {
	for name, meanwhile := range map[string]bool{"the name is free": false, "the next one is there": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			drop := func(content string) {
				if err := errors.Join(os.WriteFile(filepath.Join(dir, ".new"), []byte(content), 0o600), os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "a.csv"))); err != nil {
					t.Fatal(err)
				}
			}
			drop("first")
			f, err := Open("inbox", dir, false)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Root.Close()
			before, _ := files.At(f.Root, "a.csv")
			w := &watcher{Config{Fault: func(point string) {
				switch {
				case point == "ingest.claim":
					drop("second")
				case point == "ingest.claimed" && meanwhile:
					drop("third")
				}
			}}}
			if id, err := w.claim(f, "a.csv", before, false); err == nil {
				t.Errorf("claimed as %s", id)
			}
			want := []string{"second"}
			if meanwhile {
				want = append(want, "third")
			}
			var got []string
			paths, _ := filepath.Glob(filepath.Join(dir, "*a.csv"))
			for _, p := range paths {
				b, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the inbox has %q, want %q", got, want)
			}
			if ids, err := f.Claims(); err != nil || len(ids) != 0 {
				t.Errorf("claims are left: %q %v", ids, err)
			}
		})
	}
}

// A writer who comes back to a file that had looked complete makes usher more
// patient with this inbox, for a while.
func TestWritersWhoComeBack(t *testing.T) {
	const settle = 500 * time.Millisecond
	reg := prometheus.NewRegistry()
	s := &settler{watcher: &watcher{Config{Source: "inbox", Settle: settle, Metrics: metrics.NewIngest(reg, metrics.NewShared(reg), nil, "inbox")}}, wait: settle, candidates: map[string]*candidate{}}
	now := time.Now()
	c := &candidate{}
	for range 10 {
		c.free = true
		c.change(s, files.Look{}, now)
		c.change(s, files.Look{}, now) // again, before it looked complete
	}
	if s.wait != mostWait {
		t.Errorf("it waits for %s", s.wait)
	}
	for range 10 {
		s.calmed = now.Add(-2 * calmDown)
		s.look(nil)
	}
	if s.wait != settle {
		t.Errorf("long after, it still waits for %s", s.wait)
	}
}

// A panic while files are looked at costs neither the process nor the inbox: it is
// said, and watching begins again.
func TestAPanicIsAnOutageOfTheInbox(t *testing.T) {
	dir := t.TempDir()
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	imported := make(chan string, 1)
	told := make(chan *event.PanicError, 1)
	failed := false
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := Config{
		Source: "inbox", Dir: dir, Rescan: 20 * time.Millisecond, Quiet: time.Millisecond, Empty: time.Second, Settle: time.Millisecond, Dead: time.Second,
		Begin: func(*Folder) error { return nil },
		Import: func(_ context.Context, _ *Folder, id string, _ func() bool) {
			select {
			case imported <- id:
			default: // the claim stays, so it is given again
			}
		},
		Wanted:  func(*Folder, string) bool { return true },
		Folders: func([]string) {},
		Waits:   func(error) {},
		Events:  fsnotify.NewWatcher,
		Metrics: metrics.NewIngest(reg, shared, nil, "inbox"), Log: slog.New(slog.DiscardHandler),
		Guard: func(p *event.PanicError) { told <- p },
		Fault: func(point string) {
			if point == "ingest.claim" && !failed {
				failed = true
				panic("ann@example.org")
			}
		},
	}
	if err := os.WriteFile(filepath.Join(dir, "a.csv"), []byte("email\na@example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); Watch(ctx, c) }()
	if p := <-told; p.Where != "looking for complete files" || p.Kind != "string" {
		t.Errorf("told of %+v", p)
	}
	<-imported
	stop()
	<-done
}
