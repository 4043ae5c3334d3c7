package account

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
)

// faults stand between a target and its service: the request with the chosen
// number, counted from 0, meets the chosen fault.
type faults struct {
	next http.Handler

	mu     sync.Mutex
	seen   int
	at     int
	kind   string
	struck bool
}

// The faults. Those that end in "after" let the service carry the request out.
var kinds = []string{"drop before", "drop after", "500 before", "500 after", "429", "503", "slow before", "slow after"}

// strike arms the faults; at < 0 is none.
func (f *faults) strike(at int, kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.at, f.kind, f.struck = 0, at, kind, false
}

func (f *faults) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	kind := ""
	if f.seen == f.at {
		kind, f.struck = f.kind, true
	}
	f.seen++
	f.mu.Unlock()
	if kind == "" {
		f.next.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body) // so that the server sees the client leave
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if strings.HasSuffix(kind, "after") {
		f.next.ServeHTTP(httptest.NewRecorder(), r)
	}
	what, _, _ := strings.Cut(kind, " ")
	switch what {
	case "drop":
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		c.Close()
	case "slow":
		<-r.Context().Done()
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "429", "503":
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(map[string]int{"429": http.StatusTooManyRequests, "503": http.StatusServiceUnavailable}[what])
	}
}

// service is what the exercise asks about.
type service interface {
	// usable tells how many accounts of a user can be used, and how many there are.
	usable(userID string) (usable, all int)
}

func newTarget(t *testing.T, c Config) (Target, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	c.Metrics, c.Log = metrics.NewWorker(reg, metrics.NewShared(reg)), slog.New(slog.DiscardHandler)
	target, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return target, reg
}

// limit of one request: short where the service is made slow.
func (f *faults) limit() time.Duration {
	if strings.HasPrefix(f.kind, "slow") {
		return 100 * time.Millisecond
	}
	return 10 * time.Second
}

// again calls f as a workflow does: until it succeeds, whatever went wrong
// before. It reports the errors on the way.
func again(t *testing.T, f func() error) (errs []error) {
	t.Helper()
	for range 20 { // a slow machine makes more tries slow than the chosen one
		err := f()
		if err == nil {
			return errs
		}
		if event.IsPermanent(err) {
			t.Fatalf("gave up: %v", err)
		}
		errs = append(errs, err)
	}
	t.Fatalf("never done: %v", errs)
	return nil
}

// exercise is what every target must do: one account that can be used, and none
// after it was undone, whichever request fails in whichever way.
func exercise(t *testing.T, open func(*testing.T, *faults, string) (Target, service)) {
	for _, undo := range []string{UndoDeactivate, UndoDelete} {
		for _, known := range []bool{true, false} { // whether the workflow learned of the account
			for at := -1; at < 4; at++ {
				for _, kind := range kinds {
					if at < 0 && kind != kinds[0] || undo == UndoDeactivate && !known {
						continue
					}
					t.Run(fmt.Sprintf("%s/known=%v/%s/%d", undo, known, strings.ReplaceAll(kind, " ", "-"), at), func(t *testing.T) {
						t.Parallel()
						f := &faults{at: at, kind: kind}
						target, service := open(t, f, undo)
						var a Account
						errs := again(t, func() (err error) { a, err = target.Activate(t.Context(), "1/activate", ada); return err })
						if usable, all := service.usable(ada.UserID); usable != 1 || all != 1 {
							t.Fatalf("%d of %d accounts can be used", usable, all)
						}
						checkPause(t, f, kind, errs)
						again(t, func() error { _, err := target.Activate(t.Context(), "1/activate", ada); return err })
						if usable, all := service.usable(ada.UserID); usable != 1 || all != 1 {
							t.Fatalf("asked again, %d of %d accounts can be used", usable, all)
						}

						if !known {
							a = Account{}
						}
						f.strike(at, kind)
						errs = again(t, func() error { return target.Deactivate(t.Context(), "1/deactivate", ada.UserID, a) })
						usable, all := service.usable(ada.UserID)
						if usable != 0 {
							t.Fatal("the account can still be used")
						}
						if want := map[bool]int{true: 0, false: 1}[undo == UndoDelete && a.Created]; all != want {
							t.Errorf("%d accounts are left, want %d", all, want)
						}
						checkPause(t, f, kind, errs)
						again(t, func() error { return target.Deactivate(t.Context(), "1/deactivate", ada.UserID, a) })
						again(t, func() error { return target.Deactivate(t.Context(), "never-there", "never-there", Account{}) })

						// The next generation gets its account back.
						again(t, func() error { _, err := target.Activate(t.Context(), "2/activate", ada); return err })
						if usable, all := service.usable(ada.UserID); usable != 1 || all != 1 {
							t.Fatalf("reopened, %d of %d accounts can be used", usable, all)
						}
					})
				}
			}
		}
	}
	t.Run("a stop ends the call", func(t *testing.T) {
		f := &faults{at: 0, kind: "slow before"}
		target, _ := open(t, f, UndoDeactivate)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := target.Activate(ctx, "1/activate", ada); err == nil || event.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	})
}

// checkPause: a service that asks for a pause gets it, and no error tells who
// the user is.
func checkPause(t *testing.T, f *faults, kind string, errs []error) {
	t.Helper()
	if f.hit() && (kind == "429" || kind == "503") {
		if len(errs) != 1 {
			t.Fatalf("%d errors", len(errs))
		}
		if d, ok := event.RetryDelay(errs[0]); !ok || d != 7*time.Second {
			t.Errorf("the pause is %v", d)
		}
	}
	for _, err := range errs {
		for _, secret := range []string{ada.Name, ada.Email, ada.Phone, testToken, testSecret, ada.UserID} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("an error tells %q: %v", secret, err)
			}
		}
		if r := Reason(err); r == "" {
			t.Errorf("no reason: %v", err)
		}
	}
}

func TestSCIM(t *testing.T) {
	exercise(t, func(t *testing.T, f *faults, undo string) (Target, service) {
		p, url := newProvider(t, f)
		target, _ := newTarget(t, Config{Kind: SCIM, URL: url, Token: testToken, Undo: undo, Limit: f.limit()})
		return target, p
	})
}

func TestSCIMWithoutPatchOrVersions(t *testing.T) {
	exercise(t, func(t *testing.T, f *faults, undo string) (Target, service) {
		p, url := newProvider(t, f)
		p.noPatch, p.noVersions = true, true
		target, _ := newTarget(t, Config{Kind: SCIM, URL: url + "/", Token: testToken, Undo: undo, Limit: f.limit()})
		return target, p
	})
}

func TestWebhook(t *testing.T) {
	exercise(t, func(t *testing.T, f *faults, undo string) (Target, service) {
		r, url := newReceiver(t, f)
		target, _ := newTarget(t, Config{Kind: Webhook, URL: url, Secret: testSecret, Undo: undo, Limit: f.limit()})
		return target, r
	})
}
