package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/event"
)

// stream is an open page's, as a client reads it.
type stream struct {
	*testing.T
	lines <-chan string
	close func()
}

// listen opens a stream after an event, or after none.
func (r *rig) listen(c *http.Client, after string) stream {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", r.base+"/live", nil)
	if err != nil {
		r.Fatal(err)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := c.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		r.Fatalf("the stream: %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	lines := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	end := func() { cancel(); resp.Body.Close(); <-done }
	r.Cleanup(end)
	return stream{r.T, lines, end}
}

// line waits for one that begins so, and returns the rest of it.
func (s stream) line(prefix string) string {
	s.Helper()
	for timeout := time.After(15 * time.Second); ; {
		select {
		case l, ok := <-s.lines:
			if !ok {
				s.Fatalf("the stream ended before %q", prefix)
			}
			if rest, found := strings.CutPrefix(l, prefix); found {
				return rest
			}
		case <-timeout:
			s.Fatalf("there is no line %q", prefix)
		}
	}
}

// about reads events until one names a user, and returns its id.
func (s stream) about(user string, status event.Status) (id string) {
	s.Helper()
	for {
		id = s.line("id: ")
		var c changes
		if err := json.Unmarshal([]byte(s.line("data: ")), &c); err != nil {
			s.Fatal(err)
		}
		for _, u := range c.Users {
			if u.ID == user && u.Status == status {
				return id
			}
		}
	}
}

// A page is told what changes, and after a while away what it has missed. It is told to
// read anew what cannot be told any more.
func TestAPageIsToldWhatChanges(t *testing.T) {
	r := newRig(t)
	r.run()
	c := r.signed()
	s := r.listen(c, "")
	if got := s.line("event: "); got != "resync" {
		t.Errorf("a page that names no event is told %q", got)
	}
	r.await("u-1")
	first := s.about("u-1", event.StatusWaiting)
	r.await("u-2")
	second := s.about("u-2", event.StatusWaiting)
	if first == second {
		t.Errorf("two events have the id %s", first)
	}
	again := r.listen(c, first)
	if got := again.about("u-2", event.StatusWaiting); got != second {
		t.Errorf("what was missed is event %s, want %s", got, second)
	}
	r.fact(event.Fact{Kind: event.FactForgotten, UserID: "u-1", Generation: 1})
	again.about("u-1", "")
	for _, after := range []string{"x-1", strings.TrimSuffix(second, second[strings.Index(second, "-"):]) + "-99999", "nonsense", first + "0"} {
		other := r.listen(c, after)
		if got := other.line("event: "); got != "resync" {
			t.Errorf("after %s: %q", after, got)
		}
		other.close()
	}
	s.close()
	again.close()
	r.eventually("the pages have left", func() bool {
		r.console.live.mu.Lock()
		defer r.console.live.mu.Unlock()
		return len(r.console.live.pages) == 0
	})
	if resp, _ := page(t, browser(t), "GET", r.base+"/live", nil, "Accept", "application/json"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %s", resp.Status)
	}
}

// A stream outlives the time limit of requests, shows that it is alive, and ends with
// its session, or with the console.
func TestAStreamEndsWithItsSession(t *testing.T) {
	r := newRig(t)
	r.prepare = func(k *Console) { k.heartbeat, k.readWithin = 50*time.Millisecond, 200*time.Millisecond }
	stop := r.run()
	s := r.listen(r.signed(), "")
	began := time.Now()
	for time.Since(began) < 3*200*time.Millisecond {
		s.line(": still there")
	}
	r.await("u-1")
	s.about("u-1", event.StatusWaiting)
	r.endSessions()
	s.line("event: signedout")
	for range s.lines { // until it has ended
	}

	s = r.listen(r.signed(), "")
	s.line("event: resync")
	stopped := time.Now()
	stop()
	if d := time.Since(stopped); d > 900*time.Millisecond { // what is in hand gets a second
		t.Errorf("an open page holds up the stop for %v", d)
	}
	for range s.lines {
	}
}

// A page that reads nothing holds up no other, and costs a bounded amount of memory.
func TestAPageThatReadsNothing(t *testing.T) {
	m := newModel(t)
	l := newLive()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	_, _, slow, _ := l.follow("", sight{})
	_, _, quick, _ := l.follow("", sight{})
	for i := range mostBehind + 2 {
		for j := range mostTouched + 5 {
			l.user(fmt.Sprint("u-", i, "-", j))
		}
		if err := l.tell(ctx, m); err != nil {
			t.Fatal(err)
		}
		e, ok := <-quick
		var c changes
		if err := json.Unmarshal(e.data, &c); !ok || err != nil || len(c.Users) != mostTouched || !c.More {
			t.Fatalf("event %d names %d users, more: %v (%v)", i, len(c.Users), c.More, err)
		}
	}
	n := 0
	for range slow {
		n++
	}
	if n != mostBehind {
		t.Errorf("%d events were kept for the slow page, want %d", n, mostBehind)
	}
	for range mostKept {
		if err := l.tell(ctx, m); err != nil {
			t.Fatal(err)
		}
		<-quick
	}
	if len(l.kept) != mostKept {
		t.Errorf("%d events are kept, want %d", len(l.kept), mostKept)
	}
	go func() { done <- l.run(ctx, m) }()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// On an open desk rows change in their place, new ones wait until they are asked for,
// and a hidden tab is told when it is shown again.
func TestTheDeskIsLive(t *testing.T) {
	b := browse(t, 3, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	open := func() int {
		b.console.live.mu.Lock()
		defer b.console.live.mu.Unlock()
		return len(b.console.live.pages)
	}
	b.eventually("the page listens", func() bool { return open() == 1 })
	b.key("j")
	b.is("the first is shown", `document.querySelector('#pane[data-id="u-0"]:not([aria-busy]) form.approve')`)
	rows := `[...document.querySelectorAll('#rows > li')].map((li) => li.dataset.id + li.dataset.status).join()`
	decide := func(id string) {
		if code := b.api("POST", "/api/v1/users/"+id+"/decision", `{"decision":"approved"}`, nil); code != 200 {
			t.Fatalf("the decision about %s: %d", id, code)
		}
	}
	decide("u-1")
	b.is("the row is marked in its place", rows+` === 'u-0waiting,u-1approved,u-2waiting'`)
	b.is("the counts are right", `document.querySelector('#count-waiting').textContent === '2' && document.querySelector('#total').textContent === '2'`)
	b.await("u-3")
	b.await("u-4")
	b.shows("new ones", ".new a", "2 new")
	b.is("the list has not moved", rows+` === 'u-0waiting,u-1approved,u-2waiting'`)

	decide("u-0") // the one who is shown
	b.is("the form is gone", `document.querySelector('#pane[data-id="u-0"][data-status="approved"]') && !document.querySelector('#pane form.approve')`)
	b.do("the third", chromedp.Click(`li[data-id="u-2"] a`))
	b.is("is shown", `document.querySelector('#pane[data-id="u-2"]:not([aria-busy]) form.reject')`)
	b.do("a reason", chromedp.SendKeys("#reason", "left the"))
	decide("u-2")
	b.shows("someone was faster", ".meanwhile", "Meanwhile this person is approved, decided by console:admin.")
	b.is("the reason stays", `document.querySelector('#reason').value === 'left the'`)

	b.do("hide the tab", chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, 'hidden', { value: true, configurable: true }), document.dispatchEvent(new Event('visibilitychange')), undefined`))
	b.eventually("the page has left", func() bool { return open() == 0 })
	decide("u-3")
	b.await("u-5")
	b.do("show it", chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, 'hidden', { value: false }), document.dispatchEvent(new Event('visibilitychange')), undefined`))
	b.eventually("the page listens", func() bool { return open() == 1 })
	b.is("the counts are right", `document.querySelector('#total').textContent === '2'`)
	b.do("show what is new", chromedp.Click(".new a"))
	b.is("the list is as it is now", rows+` === 'u-4waiting,u-5waiting'`)
}
