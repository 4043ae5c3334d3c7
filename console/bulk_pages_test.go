package console

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/console/bulk"
	"usher/event"
)

// A verifier selects by keys, looks at whom it is about, decides, and takes it back; then
// decides again, and each has a result (issue 16).
func TestBulkByKeyboard(t *testing.T) {
	b := browse(t, 4, undoWindow(time.Hour))
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	choose := func() {
		t.Helper()
		b.key("j")
		b.is("the first is shown", `document.querySelector('#pane[data-id="u-0"]:not([aria-busy])')`)
		b.key("xjxjjx")
		b.key("x") // and not that one
		b.shows("how many are selected", "#bulk-choose", "Decide about 2 selected…")
		b.is("the page says so", `document.getElementById('told').textContent.includes('people are selected')`)
		b.do("go on", chromedp.Click(`#bulk-choose [value=selected]`), chromedp.WaitVisible("#bulk-decide"))
		b.shows("the preview", main, "Decide about 2 people", "selected one by one", "Person 0", "Person 1", "inbox")
	}
	choose()
	if n := b.stored(event.StreamVerifications); n != 0 {
		t.Errorf("%d decisions by looking", n)
	}
	b.do("approve", chromedp.Click(`#bulk-decide [value=approved]`), chromedp.Click("#bulk-decide button.good"), chromedp.WaitVisible(`form[action$="/undo"]`))
	b.shows("it waits", main, "Approve 2 people", "can be undone", "Nothing is sent yet.")
	b.do("undo", chromedp.Click(`form[action$="/undo"] button`), chromedp.WaitNotPresent(`form[action$="/undo"]`))
	b.shows("it is undone", main, "Undone by admin", "Nothing was sent.")
	if n := b.stored(event.StreamVerifications); n != 0 {
		t.Errorf("%d decisions of one that was undone", n)
	}

	b.console.UndoWindow = 0
	b.do("the list", chromedp.Navigate(b.base+"/users?status=waiting"), chromedp.WaitVisible("#rows"))
	b.is("the keys work", keysWork)
	choose()
	b.do("reject without a reason", chromedp.Click(`#bulk-decide [value=rejected]`), chromedp.Click("#bulk-decide button.good"), chromedp.WaitVisible("[role=alert]"))
	b.shows("why not", main, "A rejection needs a reason. Not decided yet.")
	b.do("with one", chromedp.SendKeys("#bulk-reason", "left"), chromedp.Click("#bulk-decide button.good"), chromedp.WaitVisible(".big-numbers"))
	b.shows("it is done, and the page says so by itself", main, "Reject 2 people", "done", "left (Has left)", "Person 0", "took effect")
	b.is("none is too late", `document.querySelector('.big-numbers').innerText.replace(/\s+/g, ' ').includes('2 took effect 0 too late')`)
	b.do("the people", chromedp.Click(`a[href^="/users?bulk="]`), chromedp.WaitVisible("#rows"))
	b.shows("the list", "#list", "A decision about many", "Person 0", "Person 1", "rejected")
	b.is("no one else", `document.querySelectorAll('#rows > li').length === 2`)
}

// What is decided meanwhile cannot be selected any more, and a list that is read anew
// keeps what is selected.
func TestASelectionOutlivesANewList(t *testing.T) {
	b := browse(t, 3, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	b.do("select all", chromedp.Click("#pick-all"))
	b.shows("all", "#bulk-choose", "Decide about 3 selected…")
	b.api("POST", "/api/v1/users/u-1/decision", `{"decision":"approved"}`, nil)
	b.shows("one less", "#bulk-choose", "Decide about 2 selected…")
	b.user("u-9", "Person 9")
	b.fact(event.Fact{Kind: event.FactStarted, UserID: "u-9", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	b.is("one is new", `document.querySelector('.new:not([hidden])')`)
	b.do("show", chromedp.Click(".new a"), chromedp.WaitVisible(`li[data-id="u-9"]`))
	b.shows("the same are selected", "#bulk-choose", "Decide about 2 selected…")
}

// A page that missed what happened marks who was decided about meanwhile, although that
// person is in its list no more.
func TestAPageThatMissedADecision(t *testing.T) {
	b := browse(t, 3, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	b.do("select all", chromedp.Click("#pick-all"))
	l := b.console.live
	b.eventually("the page listens", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.pages) == 1 })
	l.mu.Lock()
	for p := range l.pages { // it comes again in two seconds, behind what is not kept
		delete(l.pages, p)
		close(p)
	}
	l.kept, l.last = nil, l.last+1
	l.mu.Unlock()
	b.api("POST", "/api/v1/users/u-1/decision", `{"decision":"approved"}`, nil)
	b.is("the row is marked", `document.querySelector('li[data-id="u-1"][data-status="approved"]')`)
	b.shows("one less", "#bulk-choose", "Decide about 2 selected…")
}

// The same in a browser that runs no scripts, with all that match and a number to type.
func TestBulkWithoutScripts(t *testing.T) {
	b := browse(t, 0, nil)
	b.crowd(mustType + 5)
	b.eventually("all wait", func() bool { return b.waiting() == mustType+5 })
	b.do("no scripts", withoutScripts(), chromedp.EmulateViewport(390, 800))
	b.signIn()
	b.do("nothing selected", chromedp.Click(`#bulk-choose [value=selected]`), chromedp.WaitVisible(".note"))
	b.shows("what to do", "#list", "Select people first")
	b.do("one", chromedp.Click(`#rows .pick input`), chromedp.Click(`#bulk-choose [value=selected]`), chromedp.WaitVisible("#bulk-decide"))
	b.shows("one", main, "Decide about 1 person")
	b.do("all", chromedp.Navigate(b.base+"/users?status=waiting&import=imp-0"), chromedp.WaitVisible("#bulk-choose"), chromedp.Navigate(b.base+"/users?status=waiting"), chromedp.WaitVisible("#bulk-choose"),
		chromedp.Click(`#bulk-choose [value=all]`), chromedp.WaitVisible("#bulk-decide"))
	b.shows("the preview", main, "Decide about 105 people", "status waiting", "imp-0", "53", "And 95 more.")
	b.do("a wrong number", chromedp.Click(`#bulk-decide [value=approved]`), chromedp.SendKeys("#number", "15"), chromedp.Click("#bulk-decide button.good"), chromedp.WaitVisible("[role=alert]"))
	b.shows("why not", main, "Type how many people this is about: 105. Not decided yet.")
	b.do("the right one", chromedp.SendKeys("#number", "105"), chromedp.Click("#bulk-decide button.good"), chromedp.WaitVisible(".big-numbers"))
	b.is("it is done", `document.querySelector('.status.bulk-done')`)
	b.do("recent", chromedp.Navigate(b.base+"/decisions"), chromedp.WaitVisible(".sorts"), chromedp.Click(`a[href="/bulk"]`), chromedp.WaitVisible("table"))
	b.shows("the operations", main, "approved", "done", "105 took effect")
	if n := b.stored(event.StreamVerifications); n != mustType+5 {
		t.Errorf("%d decisions", n)
	}
}

// A form that is sent twice is one operation, and the choice of another person is not
// there for anyone else. What was chosen does not change any more.
func TestBulkForms(t *testing.T) {
	r := newRig(t)
	r.change = undoWindow(time.Hour)
	r.run()
	r.crowd(3)
	r.eventually("all wait", func() bool { return r.waiting() == 3 })
	c := r.signed()
	resp, _ := page(t, c, "POST", r.base+"/bulk?status=waiting", url.Values{"scope": {"all"}})
	to, ok := strings.CutPrefix(resp.Header.Get("Location"), "/bulk/")
	id, _, _ := strings.Cut(to, "?")
	if !ok || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s to %s", resp.Status, resp.Header.Get("Location"))
	}
	if code := r.api("GET", "/api/v1/bulk/"+id, "", nil); code != http.StatusNotFound {
		t.Errorf("a choice is an operation already: %d", code)
	}
	r.user("u-9", "Nine")
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-9", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("another one waits", func() bool { return r.waiting() == 4 })
	_, body := page(t, c, "GET", r.base+"/bulk/"+to, nil)
	has(t, "the preview", body, "Decide about 3 people", `href="/users?status=waiting"`, "Person 2")
	for range 2 {
		resp, _ = page(t, c, "POST", r.base+"/bulk/"+id+"/begin", url.Values{"decision": {"approved"}, "note": {"all seen"}})
		if resp.Header.Get("Location") != "/bulk/"+id {
			t.Errorf("begin: %s", resp.Status)
		}
	}
	if s := r.standing(id); s.State != bulk.Waiting || s.Matched != 3 {
		t.Errorf("begun: %+v", s)
	}
	begins := regexp.MustCompile(`\baudit\.v1\.bulk\b`).FindAllString(fmt.Sprint(r.audited()), -1)
	if len(begins) != 1 {
		t.Errorf("%d audit records of one beginning", len(begins))
	}
	page(t, c, "POST", r.base+"/bulk/"+id+"/undo", url.Values{})
	_, body = page(t, c, "GET", r.base+"/bulk/"+id, nil)
	has(t, "undone", body, "Undone by admin", "Nothing was sent.")
	page(t, c, "POST", r.base+"/bulk/"+id+"/cancel", url.Values{})
	_, body = page(t, c, "GET", r.base+"/bulk/"+id, nil)
	has(t, "too late", body, "Too late: the operation is over.")
	resp, _ = page(t, c, "GET", r.base+"/bulk/"+event.NewID(), nil)
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("one that there is not: %s", resp.Status)
	}
}
