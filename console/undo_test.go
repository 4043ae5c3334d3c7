package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go"

	"usher/console/bulk"
	"usher/event"
)

// undoWindow is how long a decision can be undone in these tests. Those that wait for its
// end have a short one.
func undoWindow(d time.Duration) func(*Config) {
	return func(c *Config) { c.UndoWindow, c.Answer = d, 10*time.Second }
}

// A decision on a page takes effect after the window; taken back before, it has none, and
// the person can be decided about again. The API has no window (issue 16).
func TestUndo(t *testing.T) {
	r := newRig(t)
	r.change = undoWindow(time.Hour)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	c := r.signed()
	key := event.NewID()
	decide := url.Values{"decision": {event.VerbApproved}, "event_id": {key}}
	page(t, c, "POST", r.base+"/users/u-1/decision?status=waiting", decide)
	_, body := page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
	has(t, "the page", body, "The approval takes effect in 60 minutes, and can be undone until then.", "The person was approved by admin. That takes effect", `action="/users/u-1/undo?status=waiting"`)
	if strings.Contains(body, `class="approve"`) {
		t.Error("the page offers to decide about who is decided about")
	}
	var said spoken
	if r.only(event.StreamVerifications, &said); said.EffectiveAfter != 3600 || said.Actor != "admin" {
		t.Errorf("the event says %+v", said)
	}
	decision := eventIDOf(key, "u-1", event.VerbApproved, "")
	_, body = page(t, c, "GET", r.base+"/decisions", nil)
	has(t, "recent decisions", body, "takes effect", `name="undoes" value="`+decision+`"`, "in this console, by anyone")

	// Twice, and by a script: it is one event.
	undo := url.Values{"undoes": {decision}, "to": {"decisions"}}
	resp, _ := page(t, c, "POST", r.base+"/users/u-1/undo?status=waiting", undo)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/decisions" {
		t.Errorf("undo: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	resp, body = page(t, c, "POST", r.base+"/users/u-1/undo", undo, "Accept", "application/json")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"result":"undone"`) {
		t.Errorf("undo again: %s %s", resp.Status, body)
	}
	if n := r.stored(event.StreamVerifications); n != 2 {
		t.Errorf("%d events, want a decision and one that undoes it", n)
	}
	_, body = page(t, c, "GET", r.base+"/decisions", nil)
	has(t, "recent decisions", body, "Undone: nothing has happened", `<td data-label="What became of it">undone</td>`)
	_, body = page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
	has(t, "after it the page", body, `class="approve"`, "<strong>pending</strong>", "<strong>undone</strong>")

	// The same form once more is the event that was undone, and a new one counts.
	resp, body = page(t, c, "POST", r.base+"/users/u-1/decision", decide, "Accept", "application/json")
	if !strings.Contains(body, `"result":"undone"`) {
		t.Errorf("the form once more: %s %s", resp.Status, body)
	}
	var a Answer
	if code := r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"rejected","reason":"no"}`, &a); code != http.StatusOK || a.Status != event.StatusRejected {
		t.Errorf("by the API: %d %+v", code, a)
	}
	_, body = page(t, c, "POST", r.base+"/users/u-1/undo", url.Values{"undoes": {a.EventID}}, "Accept", "application/json")
	has(t, "too late", body, `"result":"late"`, "Not undone. Already rejected by console:admin at ")
	_, body = page(t, c, "POST", r.base+"/users/u-1/undo", url.Values{}, "Accept", "application/json")
	has(t, "nothing to undo", body, errNone.Error())
}

// When a person is forgotten, no decision about them is listed.
func TestForgottenDecisionsAreNotRecent(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"approved"}`, nil)
	all := func() int {
		recent, err := r.console.model.recent(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(recent)
	}
	r.eventually("it is listed", func() bool { return all() == 1 })
	r.fact(event.Fact{Kind: event.FactForgotten, UserID: "u-1"})
	r.eventually("it is gone", func() bool { return all() == 0 })
}

// A verifier takes decisions back by the key, wherever the focus is, and by the button
// in the row; what is not taken back takes effect.
func TestUndoByKeyAndButton(t *testing.T) {
	b := browse(t, 4, undoWindow(time.Hour))
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	row := func(id, what string) string {
		return `document.querySelector('#rows > li[data-id="` + id + `"]` + what
	}
	b.key("j")
	b.is("the first is shown", `document.querySelector('#pane[data-id="u-0"]:not([aria-busy]) form.approve')`)
	b.key("a")
	b.is("the next is shown", `document.querySelector('#pane[data-id="u-1"]:not([aria-busy]) form.approve')`)
	b.is("the row can be undone", row("u-0", ` form.undo')`))
	b.key("a")
	b.is("the next is shown", `document.querySelector('#pane[data-id="u-2"]:not([aria-busy]) form.approve')`)
	b.key("gk")
	b.is("another page", `location.pathname === '/keys' && `+keysWork)
	b.key("u")
	b.shows("the newest is undone", "#told", "u-1: Undone")
	b.do("back", chromedp.Navigate(b.base+"/users?status=waiting"), chromedp.WaitVisible("#rows"))
	b.is("the other one is held", row("u-0", ` form.undo')`)+` && !`+row("u-1", ` form.undo')`)+` && `+row("u-1", `[data-open]')`))
	b.do("by the button", chromedp.Click(`#rows > li[data-id="u-0"] form.undo button`))
	b.shows("it is undone", "#told", "Person 0: Undone")
	b.is("the row is open again", row("u-0", `[data-open]')`)+`?.dataset.status === 'waiting'`)
	b.key("u")
	b.shows("nothing is left", "#told", "Nothing that was decided in this tab can be undone any more.")
	for _, id := range []string{"u-0", "u-1"} {
		if s := b.statusOf(id); s != event.StatusWaiting {
			t.Errorf("%s is %s", id, s)
		}
	}
}

// Without scripts a decision is undone on the person's page and in the list of recent
// ones; when the window is over there is no button.
func TestUndoWithoutScripts(t *testing.T) {
	b := browse(t, 2, undoWindow(2*time.Second))
	b.do("no scripts", withoutScripts(), chromedp.EmulateViewport(1280, 800))
	b.signIn()
	b.do("approve", chromedp.Navigate(b.base+"/users/u-0"), chromedp.WaitVisible("button.good"), chromedp.Click("button.good"), chromedp.WaitVisible(".note[role=status]"))
	b.shows("the window", main, "takes effect in 2 seconds")
	b.eventually("it takes effect", func() bool { return b.statusOf("u-0") == event.StatusApproved })
	b.do("recent", chromedp.Navigate(b.base+"/decisions"), chromedp.WaitVisible("table"))
	b.shows("it took effect", main, "Person 0", "took effect")
	b.is("no button", `!document.querySelector('form.undo')`)
}

// A model that starts over keeps nothing, in whatever table it was.
func TestAResetLeavesNothing(t *testing.T) {
	m, now := newModel(t), time.Now().UTC()
	b := newBulks(&Console{live: newLive()})
	m.must(t, func(tx *writing) error {
		f := event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "hr", At: now}
		o := bulk.Operation{ID: event.NewID(), State: bulk.Waiting, Matched: 1}
		record, err := json.Marshal(o)
		if err != nil {
			return err
		}
		_, err = b.putMessage(tx, &nats.Msg{Subject: strings.TrimSuffix(bulk.Subjects, ">") + o.ID, Data: record}, &nats.MsgMetadata{Timestamp: now})
		if err := errors.Join(err, putChunk(tx, bulk.Entry{ID: o.ID, People: []bulk.Person{{UserID: "u-2", Generation: 1}}}), forget(tx, "u-2")); err != nil {
			return err
		}
		if _, err := putTrailMessage(tx, &nats.Msg{Subject: "audit.v1.signin", Data: []byte(`{"actor":"ann"}`)}, &nats.MsgMetadata{Timestamp: now}); err != nil {
			return err
		}
		return errors.Join(
			putUser(tx, "hr", event.User{UserID: "u-1", Name: "Ann", Import: event.Import{ID: "imp"}}, now), putFact(tx, f.WithID()),
			putFact(tx, event.Fact{Kind: event.FactFailed, UserID: "u-1", Generation: 1, Channel: event.ChannelEmail, Reason: "quota", At: now}.WithID()),
			putRecent(tx, "d-1", event.VerbApproved, spoken{VerificationBody: event.VerificationBody{UserID: "u-1"}}, now), putDecision(tx, event.Identity{Source: "crm", ID: "d-1"}, spoken{Note: "since May"}),
			putImport(tx, event.Checkpoint{Import: "imp", Source: "hr", StartedAt: now}), putDeadLetter(tx, DeadLetter{Seq: 1, At: now}), setPosition(tx, event.StreamUsers, 1, 1))
	})
	tables, err := m.db.Query(`SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	rows := func(table string) (n int) {
		if err := m.db.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, name := range names {
		if (rows(name) == 0) != (name == "touched") {
			t.Errorf("%s has %d rows before", name, rows(name))
		}
	}
	if err := m.reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if n := rows(name); n != 0 {
			t.Errorf("%s has %d rows", name, n)
		}
	}
}
