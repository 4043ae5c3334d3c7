//go:build !noembed

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// say asks the console for something about messages of a list, and returns how it stands.
func (v *viewer) say(path, do, key string, users ...string) (standing struct {
	Done, Gone, Unable int
	Over               bool
}) {
	v.Helper()
	var messages []string
	for _, id := range users {
		messages = append(messages, fmt.Sprintf(`{"user_id":%q,"message":"1.welcome.email.1"}`, id))
	}
	r, err := http.NewRequestWithContext(v.Context(), http.MethodPost, v.base+path, strings.NewReader(fmt.Sprintf(`{"do":%q,"messages":[%s]}`, do, strings.Join(messages, ","))))
	if err != nil {
		v.Error(err)
		return standing
	}
	r.SetBasicAuth("admin", v.config.ConsolePassword)
	r.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		v.Error(err)
		return standing
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&standing); err != nil || resp.StatusCode >= 400 {
		v.Errorf("%s: %s, %v", path, resp.Status, err)
	}
	return standing
}

// The mail server takes each first message and its answer is lost. What people say of
// these at the console has its effect once, however many ask for it at the same time: one
// more message to those to whom it is sent again, none to the others.
func TestUnknownOutcomesAreResolved(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.OnUnknown, u.config.CatcherChaos = "hold", "smtp.dot lost try 1"
	u.drop("list.csv", list(1, 4, "first"))
	u.start("")
	if err := u.decide(event.VerbApproved, ids(1, 4)...); err != nil {
		t.Fatal(err)
	}
	for _, p := range u.waitFinal(60*time.Second, ids(1, 4)...) {
		if s := p.Sends["1.welcome.email.1"]; p.Status != event.StatusPartlyWelcomed || s.State != event.SendUnknown {
			t.Fatalf("%s, and the message is %+v", p.Status, s)
		}
	}
	v := &viewer{usher: u, base: "http://" + u.addr.Console}
	listed := func() (n int) {
		t.Helper()
		var l struct{ Matched int }
		v.api("/api/v1/unknown", &l)
		return l.Matched
	}
	until := func(what string, check func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !check(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it never came true: %s", what)
			}
		}
	}
	until("all are listed", func() bool { return listed() == 4 })
	u.order("w1", event.VerbWithdrawn, "u-3")
	u.reaches("u-3", "withdrawn", has(event.StatusWithdrawn))

	var wg sync.WaitGroup
	for i := range 6 { // people who do not know of each other
		wg.Go(func() {
			if i%2 == 0 {
				v.say("/api/v1/unknown", "arrived", fmt.Sprint("arrived-", i), "u-1")
			}
			v.say("/api/v1/unknown", "resend", fmt.Sprint("resend-", i), "u-2", "u-3")
		})
	}
	wg.Wait()
	u.reaches("u-2", "sent to again", func(p event.Person) bool {
		return has(event.StatusWelcomed)(p) && p.Order == nil && p.Sends["1.welcome.email.2"].State == event.SendAccepted
	})
	until("one is left", func() bool { return listed() == 1 })
	for _, do := range []string{"arrived", "resend"} { // what others have resolved
		until(do+" is over", func() bool { return v.say("/api/v1/unknown", do, do, "u-1", "u-2", "u-3").Over })
	}
	if s := v.say("/api/v1/unknown", "resend", "resend", "u-1", "u-2", "u-3"); s.Done != 0 || s.Gone != 3 {
		t.Errorf("what is resolved is sent again: %+v", s)
	}
	people := u.people(ids(1, 4)...)
	if s := people["u-1"].Sends["1.welcome.email.1"]; s.State != event.SendDelivered || s.By != "console:admin" || people["u-1"].Status != event.StatusPartlyWelcomed {
		t.Errorf("u-1 is %s, and the message %+v", people["u-1"].Status, s)
	}
	u.stop()
	u.start("")
	mails, _ := u.caught()
	if d := cmp.Diff(map[string]int{"u1@example.org": 1, "u2@example.org": 2, "u3@example.org": 1, "u4@example.org": 1}, mails); d != "" {
		t.Errorf("messages (-want +got)\n%s", d)
	}
}
