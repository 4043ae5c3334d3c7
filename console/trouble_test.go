package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
	"usher/streams"
)

// deadLetter keeps a message that could not be used.
func (r *rig) deadLetter(seq uint64, subject, body string) {
	r.Helper()
	stream := event.StreamVerifications
	if strings.HasPrefix(subject, "users.") {
		stream = event.StreamUsers
	}
	err := r.pub.DeadLetter(r.Context(), event.DeadLetter{Stream: stream, Sequence: seq, EventID: fmt.Sprint("e-", seq), Subject: subject, Data: []byte(body), Reason: event.ReasonMalformed, Cause: "it is broken", Stored: time.Now()})
	if err != nil {
		r.Fatal(err)
	}
}

// letters counts those that the read model has.
func (r *rig) letters() int {
	n, err := r.console.model.letterCount(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// carryOut does the chores of a role, as bridge and worker do, until the test ends.
func (r *rig) carryOut(role string) {
	r.Helper()
	list, err := streams.NewDelivery(r.Context(), r.js)
	if err != nil {
		r.Fatal(err)
	}
	people, err := streams.NewPeople(r.Context(), r.js)
	if err != nil {
		r.Fatal(err)
	}
	c := streams.Chores{JetStream: r.js, Role: role, Me: event.NewID(), Message: streams.NewMessages(people, r.pub).Chore, Letter: streams.NewLetters(r.js).Chore, Entry: list.Chore, Count: func(string, string) {}, Log: r.console.Log}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	r.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.Error(err)
		}
	})
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)"`)

// formOf are the hidden fields of a page.
func formOf(body string) url.Values {
	out := url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(body, -1) {
		out.Set(f[1], f[2])
	}
	return out
}

// An operator sends dead letters again, or drops them, after a look at which they are.
// The console only asks: without the bridge it says that it goes on by itself. Issue 16.
func TestDeadLettersAreSentAgainFromThePage(t *testing.T) {
	r := newRig(t)
	r.run()
	for seq := range uint64(4) {
		r.deadLetter(seq+1, "verifications.v1.crm.approved", `{"user_id":"u-1"}`)
	}
	r.eventually("four are listed", func() bool { return r.letters() == 4 })
	r.login("ola", logins.Operator)
	c := r.signedAs("ola")
	post := func(path string, form url.Values, want int) (string, string) {
		t.Helper()
		resp, body := page(t, c, "POST", r.base+path, form)
		if resp.StatusCode != want {
			t.Fatalf("%s %v: %d, want %d\n%s", path, form, resp.StatusCode, want, body)
		}
		return resp.Header.Get("Location"), body
	}
	list := func() string { t.Helper(); _, body := page(t, c, "GET", r.base+"/deadletters", nil); return body }

	if to, _ := post("/deadletters", url.Values{"do": {"replay"}}, 303); to != "/deadletters" || !strings.Contains(list(), "Tick dead letters first.") {
		t.Error("nothing was ticked, and that is not said")
	}
	_, confirm := post("/deadletters", url.Values{"do": {"replay"}, "seq": {"1", "3"}}, 200)
	form := formOf(confirm)
	if form.Get("seqs") != "1 3" || r.letters() != 4 {
		t.Fatalf("it would send %v, and %d are left", form, r.letters())
	}

	// Nobody is there who may.
	post("/deadletters", form, 303)
	if body := list(); !strings.Contains(body, "Asked for: 0 of 2 are sent again so far.") {
		t.Errorf("without a bridge the page says:\n%s", body)
	}
	r.carryOut(event.ChoresOfBridge)
	r.eventually("two were sent again", func() bool { return r.stored(event.StreamVerifications) == 2 })
	post("/deadletters", form, 303) // the same form once more
	if body := list(); !strings.Contains(body, "Done: 2 of 2 sent again.") || strings.Contains(body, `href="/deadletters/3"`) || !strings.Contains(body, `href="/deadletters/4"`) {
		t.Errorf("after it the page says:\n%s", body)
	}
	if n := r.stored(event.StreamVerifications); n != 2 {
		t.Errorf("%d messages were sent again", n)
	}

	_, confirm = post("/deadletters", url.Values{"do": {"drop"}, "all": {"yes"}, "reason": {event.ReasonMalformed}}, 200)
	if to, _ := post("/deadletters", formOf(confirm), 303); to != "/deadletters?reason=malformed" || !strings.Contains(list(), "Done: 2 of 2 dropped.") {
		t.Errorf("all were dropped, to %s:\n%s", to, list())
	}
	r.eventually("none is left", func() bool { return r.letters() == 0 })
	want := []string{"audit.v1.chore-replay", "audit.v1.chore-drop"}
	r.eventually("the trail has both once", func() bool {
		var got []string
		for _, a := range r.audited() {
			if strings.Contains(a, "chore-") {
				got = append(got, a)
			}
		}
		return len(got) == len(want)
	})
	for _, form := range []url.Values{{"do": {"purge"}, "seqs": {"1"}}, {"do": {"drop"}, "seqs": {""}}, {"do": {"drop"}, "seqs": {"x"}}} {
		post("/deadletters", form, 400)
	}
}

// typesTheNumber has something done about all that a list has, which is refused until the
// number is typed.
func (r *rig) typesTheNumber(c *http.Client, list, do string, n int, of string) {
	r.Helper()
	_, body := page(r.T, c, "POST", r.base+list, url.Values{"do": {do}, "all": {"yes"}})
	form := formOf(body)
	for _, typed := range []string{"", fmt.Sprint(n - 1)} {
		form.Set("number", typed)
		want := fmt.Sprintf("Type how many %s this is about: %d. Nothing is done yet.", of, n)
		if resp, body := page(r.T, c, "POST", r.base+list, form); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, want) {
			r.Errorf("typed %q: %d", typed, resp.StatusCode)
		}
	}
	form.Set("number", fmt.Sprint(n))
	if resp, _ := page(r.T, c, "POST", r.base+list, form); resp.StatusCode != http.StatusSeeOther {
		r.Errorf("typed it: %d", resp.StatusCode)
	}
}

// Above a hundred the number must be typed; as many as one chore takes are taken, the
// oldest first.
func TestManyDeadLetters(t *testing.T) {
	r := newRig(t)
	r.run()
	const many = mustType + 1
	for seq := range uint64(many) {
		r.deadLetter(seq+1, "verifications.v1.crm.approved", "{}")
	}
	r.eventually("all are listed", func() bool { return r.letters() == many })
	r.carryOut(event.ChoresOfBridge)
	c := r.signed()
	r.typesTheNumber(c, "/deadletters", "drop", many, "dead letters")
	r.eventually("none is left", func() bool { return r.letters() == 0 })
}

// Who may see an inbox only sees, reads and sends again what came for it; the message is
// shown to who asks for it, once, and that is in the trail.
func TestDeadLettersOfInboxes(t *testing.T) {
	r := newRig(t)
	r.run()
	r.deadLetter(1, event.ImportedSubject("hr"), `{"user_id":"u-1","name":"<b>Zoë</b>"}`)
	r.deadLetter(2, event.ImportedSubject("crm"), `{"user_id":"u-2","name":"Ben"}`)
	r.eventually("two are listed", func() bool { return r.letters() == 2 })
	r.carryOut(event.ChoresOfBridge)
	r.login("ola", logins.Operator, "hr")
	r.login("vic", logins.Viewer)
	c := r.signedAs("ola")
	for path, want := range map[string]int{"/deadletters/1": 200, "/deadletters/2": 404, "/deadletters/9": 404, "/deadletters/x": 404, "/suppressed": 403} {
		if resp, _ := page(t, c, "GET", r.base+path, nil); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	for _, path := range []string{"/deadletters/2/reveal", "/deadletters"} {
		if resp, _ := page(t, c, "POST", r.base+path, url.Values{"do": {"replay"}, "seqs": {"1 2"}}); resp.StatusCode != 404 {
			t.Errorf("%s of another inbox: %d", path, resp.StatusCode)
		}
	}
	if n := r.letters(); n != 2 {
		t.Errorf("%d are left: one of another inbox took one along", n)
	}

	for name, c := range map[string]*http.Client{"ola": c, "vic": r.signedAs("vic")} {
		if _, body := page(t, c, "GET", r.base+"/deadletters/1", nil); strings.Contains(body, "Zoë") {
			t.Errorf("%s sees the message without asking for it", name)
		}
		if resp, _ := page(t, c, "POST", r.base+"/deadletters/1/reveal", nil); resp.StatusCode != 303 {
			t.Errorf("%s asks for it: %d", name, resp.StatusCode)
		}
		if _, body := page(t, c, "GET", r.base+"/deadletters/1", nil); !strings.Contains(body, "&lt;b&gt;Zoë&lt;/b&gt;") || strings.Contains(body, "<b>Zoë") {
			t.Errorf("%s is shown:\n%s", name, body)
		}
		if _, body := page(t, c, "GET", r.base+"/deadletters/1", nil); strings.Contains(body, "Zoë") {
			t.Errorf("%s sees it again without asking", name)
		}
	}
	if resp, _ := page(t, r.signedAs("vic"), "POST", r.base+"/deadletters", url.Values{"do": {"replay"}, "seqs": {"1"}}); resp.StatusCode != 403 {
		t.Errorf("a viewer sends it again: %d", resp.StatusCode)
	}
	if resp, _ := page(t, c, "POST", r.base+"/deadletters", url.Values{"do": {"drop"}, "seqs": {"1"}}); resp.StatusCode != 303 {
		t.Errorf("ola drops it: %d", resp.StatusCode)
	}
	if _, body := page(t, c, "GET", r.base+"/deadletters", nil); !strings.Contains(body, "Done: 1 of 1 dropped.") || strings.Contains(body, `href="/deadletters/1"`) {
		t.Errorf("what was dropped is still listed:\n%s", body)
	}
	r.eventually("both looks are in the trail", func() bool {
		return strings.Count(strings.Join(r.audited(), "\n"), "reveal-deadletter") == 2
	})
}

// Programs do the same. The same request with the same key is the same chore.
func TestDeadLettersByTheAPI(t *testing.T) {
	r := newRig(t)
	r.run()
	r.deadLetter(1, "verifications.v1.crm.approved", "{}")
	r.deadLetter(2, "verifications.v1.crm.rejected", "{}")
	r.eventually("two are listed", func() bool { return r.letters() == 2 })
	var list struct {
		Letters []DeadLetter `json:"deadletters"`
		Next    *string      `json:"next_cursor"`
	}
	if code := r.api("GET", "/api/v1/deadletters?stream=VERIFICATIONS", "", &list); code != 200 || list.Next == nil || *list.Next != "" {
		t.Errorf("the list: %d %+v", code, list)
	}
	for body, want := range map[string]int{`nonsense`: 400, `{"do":"purge","deadletters":[1]}`: 400, `{"do":"drop"}`: 400, `{"do":"drop","deadletters":[9]}`: 404, `{"do":"release","deadletters":[1]}`: 400} {
		if code := r.api("POST", "/api/v1/deadletters", body, nil); code != want {
			t.Errorf("%s: %d, want %d", body, code, want)
		}
	}
	r.carryOut(event.ChoresOfBridge)
	for range 2 {
		var a ChoreStanding
		r.api("POST", "/api/v1/deadletters", `{"do":"replay","deadletters":[2,1,2]}`, &a, "Idempotency-Key", "monday")
		if !a.Over || a.Done != 2 || a.Items != 2 || a.Gone+a.Unable != 0 {
			t.Errorf("%+v", a)
		}
	}
	if n := r.stored(event.StreamVerifications); n != 2 {
		t.Errorf("%d messages were sent again", n)
	}
}

// Entries are taken off the list of suppressed addresses by the worker.
func TestSuppressedAddresses(t *testing.T) {
	r := newRig(t)
	r.run()
	list, err := streams.NewDelivery(t.Context(), r.js)
	if err != nil {
		t.Fatal(err)
	}
	for entry, reason := range map[string]string{"aaa": event.SuppressedByOperator, "bbb": "recipient_invalid"} {
		_, err = list.Suppress(t.Context(), entry, event.Suppression{Channel: event.ChannelEmail, Reason: reason, By: "provider", At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.carryOut(event.ChoresOfWorker)
	r.login("aud", logins.Auditor)
	r.login("ola", logins.Operator)
	read := r.signedAs("aud")
	if resp, body := page(t, read, "GET", r.base+"/suppressed?reason=recipient_invalid", nil); resp.StatusCode != 200 || !strings.Contains(body, "bbb") || strings.Contains(body, "aaa") || strings.Contains(body, "checkbox") {
		t.Errorf("an auditor reads: %d\n%s", resp.StatusCode, body)
	}
	if resp, _ := page(t, read, "POST", r.base+"/suppressed", url.Values{"entry": {"bbb"}}); resp.StatusCode != 403 {
		t.Errorf("an auditor takes one off: %d", resp.StatusCode)
	}
	c := r.signedAs("ola")
	for _, entries := range [][]string{{"*"}, {"a.b"}} {
		if resp, _ := page(t, c, "POST", r.base+"/suppressed", url.Values{"entry": entries}); resp.StatusCode != 400 {
			t.Errorf("%q: %d", entries, resp.StatusCode)
		}
	}
	if resp, _ := page(t, c, "POST", r.base+"/suppressed", url.Values{"entry": {"bbb", "ccc"}, "event_id": {event.NewID()}}); resp.StatusCode != 303 {
		t.Errorf("two are taken off: %d", resp.StatusCode)
	}
	_, body := page(t, c, "GET", r.base+"/suppressed", nil)
	if !strings.Contains(body, "Done: 1 of 2 taken off the list. 1 were not there any more.") || !strings.Contains(body, "aaa") || strings.Contains(body, `value="bbb"`) {
		t.Errorf("after it:\n%s", body)
	}
	if _, yes, err := list.Suppressed(t.Context(), "bbb"); yes || err != nil {
		t.Errorf("it is still on the list: %v", err)
	}
}

// What was asked for is told in a sentence, whatever became of it.
func TestWhatBecameOfAChoreIsTold(t *testing.T) {
	for want, c := range map[string]event.Chore{
		"Asked for: 1 of 3 are dropped so far. It goes on by itself, as soon as usher's bridge is there.": {Do: event.ChoreDrop, Letters: []uint64{1, 2, 3}, Next: 1},
		"Done: 1 of 2 sent again. 1 could not be: 2, for example, because no.":                            {Do: event.ChoreReplay, Letters: []uint64{1, 2}, Next: 2, Unable: 1, Failed: map[string]string{"2": errors.New("no").Error()}},
		"Done: 0 of 1 taken off the list. 1 were not there any more.":                                     {Do: event.ChoreRelease, Entries: []string{"a"}, Next: 1, Gone: 1},
	} {
		if got := becameOf(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
