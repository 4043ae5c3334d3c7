package uploads

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/ingest"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/metrics"
	"usher/table"
)

// nothingSaved is what a new usher has about columns.
type nothingSaved struct{}

func (nothingSaved) Saved(context.Context, string) (map[string]table.Mapping, error) { return nil, nil }
func (nothingSaved) Save(context.Context, event.SavedColumns) error                  { return nil }

// open makes a store on a folder, with an inbox in which no watcher works.
func open(t *testing.T, dir string, most int64) *Store {
	t.Helper()
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	s, err := New(Config{
		Dir: filepath.Join(dir, "uploads"), Archive: filepath.Join(dir, "archive"), Refused: filepath.Join(dir, "refused"), Most: most,
		Inboxes: []ingest.Inbox{{Source: "inbox", Dir: filepath.Join(dir, "inbox")}}, Key: event.Key("a key for these tests"), Columns: nothingSaved{},
		Metrics: metrics.NewConsole(reg, shared), Guard: shared.Guard("uploads", slog.New(slog.DiscardHandler)), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kept(t *testing.T, s *Store) (n int) {
	t.Helper()
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// broken gives some bytes and then an error.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// What is too large, empty or breaks off leaves nothing; what waits is gone after an
// hour, and at the next start. Regressions of issue 16.
func TestNothingIsKeptForLong(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 10)
	o := Offer{File: "a.csv", Inbox: "inbox", By: "ann"}
	for what, from := range map[string]io.Reader{"too large": strings.NewReader("email\na@example.org\n"), "empty": strings.NewReader(""), "broken": broken{strings.NewReader("email")}} {
		if _, err := s.Receive(t.Context(), o, from); err == nil || event.IsPermanent(err) != (what != "broken") || kept(t, s) > 0 {
			t.Errorf("%s: %v, %d are kept", what, err, kept(t, s))
		}
	}
	u, err := s.Receive(t.Context(), o, strings.NewReader("email\na@b"))
	if err != nil || u.Bytes != 9 || kept(t, s) != 1 {
		t.Fatalf("%+v %v", u, err)
	}
	if i, err := os.Stat(s.path(u)); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", i, err)
	}
	s.sweep(time.Now().Add(keptFor - time.Minute))
	if _, err := s.Get(u.ID); err != nil {
		t.Errorf("before an hour: %v", err)
	}
	s.sweep(time.Now().Add(keptFor + time.Minute))
	if _, err := s.Get(u.ID); !errors.Is(err, ErrGone) || kept(t, s) > 0 {
		t.Errorf("after an hour: %v", err)
	}
	if _, err = s.Receive(t.Context(), o, strings.NewReader("email\na@b")); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir, 10); kept(t, s) > 0 || len(s.All()) > 0 {
		t.Error("a start keeps what an earlier one had")
	}
}

// Files that were given to their inbox take no room from others.
func TestGivenFilesMakeRoom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	receive := func() (string, error) {
		u, err := s.Receive(t.Context(), Offer{File: "a.csv", Inbox: "inbox", By: "ann"}, strings.NewReader("email\na@b"))
		return u.ID, err
	}
	first, err := receive()
	if err != nil {
		t.Fatal(err)
	}
	for range mostUploads - 1 {
		if _, err := receive(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := receive(); !errors.Is(err, errMany) {
		t.Fatalf("one more than there is room for: %v", err)
	}
	s.of[first].State = Given
	if _, err := receive(); err != nil {
		t.Errorf("one was given: %v", err)
	}
	if _, err := receive(); !errors.Is(err, errMany) {
		t.Errorf("none else was given: %v", err)
	}
}

// An inbox in which no watcher works gets nothing, and the upload waits.
func TestAnUploadWaitsForItsInbox(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	u, err := s.Receive(t.Context(), Offer{File: "a.csv", Inbox: "inbox", By: "ann"}, strings.NewReader("email\na@example.org\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Step(u.ID, Order{Import: true}); err != nil {
		t.Fatal(err)
	}
	if u, err = s.Await(t.Context(), u.ID); err != nil || u.State != Ready || !strings.Contains(u.Problem, "The inbox cannot be reached") {
		t.Errorf("%+v %v", u, err)
	}
	if got := s.Standing(); len(got) != 1 || got[0].Problem == "" || got[0].Next == "" {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(s.path(u)); err != nil {
		t.Errorf("the file is not kept: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNamesAreSafe(t *testing.T) {
	for name, want := range map[string]string{
		"people.csv": "people.csv", "../../etc/passwd": "passwd", `C:\lists\people.csv`: "people.csv", "..": "upload", "": "upload", "/": "upload",
		".hidden": "hidden", " .x.csv": "x.csv", "~x.csv": "upload-~x.csv", "x.part": "upload-x.part", "-rf": "upload--rf", "a\nb\x00.csv": "a_b_.csv", "desktop.ini": "upload-desktop.ini",
		"\u202egpj.csv": "_gpj.csv",
	} {
		if got := SafeName(name); got != want {
			t.Errorf("%q is kept as %q, want %q", name, got, want)
		}
	}
	long := SafeName(strings.Repeat("ü", 4000) + ".csv")
	if len(long) > 200 || !strings.HasSuffix(long, ".csv") || files.Clean(long) != long || inbox.Ignored(long) {
		t.Errorf("a long name is kept as %q", long)
	}
}
