package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/ingest/inbox"
)

// lastWord is how an import stands on NATS, and until when that can be seen.
func (r *rig) lastWord(imported string) (p event.Progress, keep string) {
	r.Helper()
	s, err := r.js.Stream(r.Context(), event.StreamUsers)
	if err != nil {
		r.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(r.Context(), event.ProgressSubject("inbox", imported))
	if err != nil {
		r.Fatalf("nothing is told of the import %s: %v", imported, err)
	}
	if err := json.Unmarshal(m.Data, &p); err != nil {
		r.Fatal(err)
	}
	return p, m.Header.Get("Nats-TTL")
}

// ended checks that the last word about an import is its end.
func (r *rig) ended(rep Report) {
	r.Helper()
	if p, keep := r.lastWord(rep.Import); p.State != rep.Result || p.Published != rep.Published || keep != keepEnds.String() {
		r.Errorf("%s is %s; its last word is %q with %d published, kept for %q", rep.File, rep.Result, p.State, p.Published, keep)
	}
}

func (r *rig) teller(js jetstream.JetStream) *teller { return newTeller(&publisher{js: js}) }

func word(state string) event.Progress {
	return event.Progress{Import: "i", Source: "inbox", File: "a.csv", State: state}
}

// Of one import its end is the last word, in whatever order words are told and
// arrive. A regression of issue 14.
func TestTheEndIsTheLastWord(t *testing.T) {
	tell := func(t *testing.T, who *teller, state string) {
		t.Helper()
		if err := who.publish(t.Context(), word(state)); err != nil && !(errors.Is(err, errEarlier) && state != event.ImportArchived) {
			t.Fatalf("%s: %v", state, err)
		}
	}
	for name, story := range map[string]func(t *testing.T, r *rig){
		"told late": func(t *testing.T, r *rig) {
			w := r.teller(r.js)
			tell(t, w, event.ImportPublishing)
			tell(t, w, event.ImportArchived)
			tell(t, w, event.ImportPublishing)
		},
		"told by a watcher that started again": func(t *testing.T, r *rig) {
			tell(t, r.teller(r.js), event.ImportArchived)
			again := r.teller(r.js)
			for range 3 { // the first one finds out that it is not the first
				tell(t, again, event.ImportReading)
			}
		},
		"told by a watcher that was frozen": func(t *testing.T, r *rig) {
			frozen, other := r.teller(r.js), r.teller(r.js)
			tell(t, frozen, event.ImportPublishing)
			for range 3 {
				tell(t, other, event.ImportPublishing)
			}
			tell(t, other, event.ImportArchived)
			for range 3 {
				tell(t, frozen, event.ImportPublishing)
			}
		},
		"told by two at once": func(t *testing.T, r *rig) {
			a, b := r.teller(r.js), r.teller(r.js)
			done := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						_ = a.publish(t.Context(), word(event.ImportPublishing)) // is refused now and then
					}
				}
			})
			for range 20 {
				_ = b.publish(t.Context(), word(event.ImportPublishing))
			}
			tell(t, b, event.ImportArchived)
			close(done)
			wg.Wait()
			tell(t, a, event.ImportPublishing)
		},
		"on its way when the end was told": func(t *testing.T, r *rig) {
			road := newRoad(t, r.url)
			slow := r.teller(road.js)
			tell(t, slow, event.ImportPublishing)
			road.hold()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := slow.publish(ctx, word(event.ImportPublishing)); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("on a road that is closed: %v", err)
			}
			tell(t, r.teller(r.js), event.ImportArchived)
			road.open()
			// What is published behind it arrives behind it.
			if _, err := road.js.Publish(t.Context(), event.ProgressSubject("inbox", "other"), nil); err != nil {
				t.Fatal(err)
			}
		},
		"told of an end that got no answer": func(t *testing.T, r *rig) {
			road := newRoad(t, r.url)
			slow := r.teller(road.js)
			tell(t, slow, event.ImportPublishing)
			road.hold()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := slow.publish(ctx, word(event.ImportArchived)); err == nil {
				t.Fatal("an end that cannot have arrived was taken for told")
			}
			road.open()
			tell(t, slow, event.ImportWaiting) // until it is told again
			tell(t, slow, event.ImportArchived)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			story(t, r)
			if p, keep := r.lastWord("i"); p.State != event.ImportArchived || keep != keepEnds.String() {
				t.Errorf("the last word is %s, kept for %s", p.State, keep)
			}
		})
	}
}

// road leads to a server and can be closed; what is sent meanwhile waits on it.
type road struct {
	js     jetstream.JetStream
	closed sync.Mutex
}

func newRoad(t *testing.T, url string) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		from, err := l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
		if err != nil {
			t.Error(err)
			_ = from.Close()
			return
		}
		wg.Go(func() { _, _ = io.Copy(from, to); _ = from.Close() })
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			r.closed.Lock()
			_, err2 := to.Write(buf[:n])
			r.closed.Unlock()
			if err != nil || err2 != nil {
				_ = to.Close()
				return
			}
		}
	})
	nc, err := nats.Connect("nats://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if r.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *road) hold() { r.closed.Lock() }
func (r *road) open() { r.closed.Unlock() }

// While the original is moved, after the end was told, the watcher tells no more
// how far it is.
func TestNothingIsToldBehindTheEnd(t *testing.T) {
	r := newRig(t)
	telling, first := make(chan struct{}, 100), make(chan struct{})
	var once sync.Once
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			switch point {
			case "ingest.telling":
				once.Do(func() { close(first) })
				select {
				case telling <- struct{}{}:
				default:
				}
			case "ingest.published": // the import takes so long that it tells
				r.waitFor(first)
			case "ingest.archived":
				for len(telling) > 0 {
					<-telling
				}
				select {
				case <-telling:
					t.Error("it goes on telling how far the import is")
				case <-time.After(3 * tellEvery / 2):
				}
			}
		}
	}
	r.run()
	r.drop("a.csv", list("a", 3))
	rep := r.reports(1)["a.csv"]
	r.gone(rep.Import)
	r.ended(rep)
}

// gone waits until the claim of an import is given up.
func (r *rig) gone(imported string) {
	r.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for len(InWork(imported, filepath.Join(r.dir, "inbox"))) > 0 {
		if time.Now().After(deadline) {
			r.Fatalf("the import %s does not end\n%s", imported, r.log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A claim that goes on as another import is not left as one that is being read.
func TestTheWordsOfAClaimThatGoesOnAsAnotherImportEnd(t *testing.T) {
	r := newRig(t)
	content := list("a", 20)
	r.drop("a.csv", content)
	if !r.killed("INGEST_AT=ingest.committed:2", "INGEST_BATCH=5") {
		t.Fatal("the child was not killed")
	}
	left := InWork("", filepath.Join(r.dir, "inbox"))
	if len(left) != 1 {
		t.Fatalf("in work: %+v", left)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "inbox", inbox.ClaimPath(left[0].Import))); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			if point == "ingest.read" { // takes so long that it is told
				once.Do(func() {
					for t.Context().Err() == nil {
						told := r.subjects("users.v1.progress.>")
						delete(told, event.ProgressSubject("inbox", left[0].Import)) // the child that was killed may have told of it
						if len(told) > 0 {
							break
						}
						time.Sleep(5 * time.Millisecond)
					}
				})
			}
		}
	}
	r.drop("b.csv", content)
	r.run()
	rep := r.reports(1)["b.csv"]
	if rep.Import != left[0].Import {
		t.Fatalf("the import did not go on: %+v", rep)
	}
	r.gone(rep.Import)
	r.ended(rep)
	words := 0
	for subject := range r.subjects("users.v1.progress.>") {
		words++
		p, _ := r.lastWord(subject[strings.LastIndexByte(subject, '.')+1:])
		if !p.Over() || p.Import != rep.Import && p.DuplicateOf != rep.Import {
			t.Errorf("the last word of %s is %s, of %q", p.Import, p.State, p.DuplicateOf)
		}
	}
	if words != 2 {
		t.Errorf("words about %d imports, want 2: the claim's and the one that goes on", words)
	}
}

// subjects counts messages by subject.
func (r *rig) subjects(filter string) map[string]uint64 {
	r.Helper()
	s, err := r.js.Stream(r.Context(), event.StreamUsers)
	if err != nil {
		r.Fatal(err)
	}
	i, err := s.Info(r.Context(), jetstream.WithSubjectFilter(filter))
	if err != nil {
		r.Fatal(err)
	}
	return i.State.Subjects
}
