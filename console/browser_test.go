package console

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher/event"
)

// chromium starts a browser for one test, or skips it where there is none.
func chromium(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is needed: apt-get install chromium")
		}
		t.Skip("needs Debian's package chromium")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute))
	o = append(o, more...)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it, so that a later deadline stops an action and not the browser
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// tab is a page in a browser with a console behind it.
type tab struct {
	*rig
	ctx context.Context
}

// do acts; what fails within a while fails the test, with the text of the page.
func (b tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.Fatalf("%s: %v\n%s", what, err, b.text("body"))
	}
}

// text is what a person reads in an element.
func (b tab) text(of string) string {
	b.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", of)))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// is waits until an expression of the page is true.
func (b tab) is(what, expression string) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")) // fails between two pages
		if ok && err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s: %s: %v\n%s", what, expression, err, b.text("body"))
		}
	}
}

// shows waits until an element shows all of the texts.
func (b tab) shows(what, of string, want ...string) {
	b.Helper()
	for _, w := range want {
		b.is(fmt.Sprintf("%s shows %q", what, w), fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", of, w))
	}
}

// key presses keys one after the other.
func (b tab) key(keys string) {
	b.Helper()
	b.do("press "+keys, chromedp.KeyEvent(keys))
}

// signIn opens the console as its administrator.
func (b tab) signIn() {
	b.Helper()
	b.do("sign in", chromedp.Navigate(b.base+"/"), chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("header nav"))
}

// withoutScripts makes the tab one of a browser that runs none.
func withoutScripts() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// browse starts a console with people who wait, and a browser.
func browse(t *testing.T, people int, change func(*Config), more ...chromedp.ExecAllocatorOption) tab {
	t.Helper()
	b := tab{newRig(t), chromium(t, more...)}
	b.change = func(c *Config) {
		c.Answer = 10 * time.Second // the machine may be busy
		if change != nil {
			change(c)
		}
	}
	b.run()
	b.playWorkflows(t.Context())
	for i := range people {
		id := fmt.Sprint("u-", i)
		b.user(id, fmt.Sprint("Person ", i))
		b.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		b.eventually(id+" waits", func() bool { return b.statusOf(id) == event.StatusWaiting })
	}
	return b
}

const main = "main"

// keysWork is true once the page's scripts have begun.
const keysWork = `document.documentElement.dataset.keys`

// A verifier's way through the console in a browser that runs no scripts.
func TestWithoutScripts(t *testing.T) {
	b := browse(t, 4, nil)
	err := b.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamVerifications, Sequence: 7, Subject: "verifications.v1.crm.approved", Reason: event.ReasonMalformed, Cause: "the body is not a JSON object", Stored: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	b.do("no scripts", withoutScripts(), chromedp.EmulateViewport(1280, 800))
	b.do("sign in wrongly", chromedp.Navigate(b.base+"/"), chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", "wrong"+kb.Enter), chromedp.WaitVisible("[role=alert]"))
	b.shows("a wrong password", main, "The name or the password is wrong.")
	b.do("sign in", chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("header nav"))
	b.shows("the queue", "#rows", "Person 0", "Person 3")

	b.do("find", chromedp.SendKeys("#q", "person 1"+kb.Enter), chromedp.WaitNotPresent(`li[data-id="u-0"]`), chromedp.Click(`li[data-id="u-1"] a`), chromedp.WaitVisible("button.good"))
	b.do("take the search out", chromedp.Click(`header a[data-go="w"]`), chromedp.WaitVisible(`li[data-id="u-0"]`), chromedp.Click(`li[data-id="u-1"] a`), chromedp.WaitVisible("button.good"))
	b.do("approve", chromedp.Click("button.good"), chromedp.WaitVisible(".note[role=status]"))
	b.shows("an approval", main, "Done: approved.", "Next who waits: Person 0")
	b.do("next by the key Enter", chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#reason"))
	b.do("a rejection without a reason is not sent", chromedp.Click("button.bad"), chromedp.WaitVisible("#reason:invalid"))
	b.do("reject", chromedp.SendKeys("#note", "since May"), chromedp.SendKeys("#reason", "left"+kb.Enter), chromedp.WaitVisible(".note[role=status]"))
	b.shows("a rejection", main, "Done: rejected.", "left (Has left)", "since May", "Next who waits: Person 2")

	// Another person decides while the page is open.
	b.do("open", chromedp.Navigate(b.base+"/users/u-2"), chromedp.WaitVisible("button.good"))
	if code := b.api("POST", "/api/v1/users/u-2/decision", `{"decision":"rejected","reason":"no"}`, nil); code != 200 {
		t.Fatalf("the other decision: %d", code)
	}
	b.do("too late", chromedp.Click("button.good"), chromedp.WaitVisible(".note[role=status]"))
	b.shows("a late decision", main, "Already rejected by console:admin at ")

	b.do("dead letters", chromedp.Navigate(b.base+"/deadletters"), chromedp.WaitVisible("table"))
	b.shows("dead letters", main, "malformed", "the body is not a JSON object", "VERIFICATIONS 7")
	b.do("filter them", chromedp.SetValue("#why", event.ReasonDenied), chromedp.Submit("#why"), chromedp.WaitVisible(".empty"))
	b.do("withdraw in a hand", chromedp.EmulateViewport(390, 800), chromedp.Navigate(b.base+"/users/u-3"), chromedp.WaitVisible("#why"), chromedp.SendKeys("#why", "left the company"+kb.Enter), chromedp.WaitVisible(".note[role=status]"))
	b.shows("a withdrawal", main, "Done: withdrawn.", "Reopen")
}

// A verifier decides about fifty people and never touches the mouse. The next person is
// shown when the server has confirmed, and every row stays in its place.
func TestDecidingByKeyboard(t *testing.T) {
	const people = 50
	b := browse(t, people, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	began := time.Now()
	b.key("j")
	for i := range people {
		shown := fmt.Sprintf(`document.querySelector('#pane[data-id="u-%d"]:not([aria-busy]) form.approve')`, i)
		b.is("the next person is shown", shown)
		row := fmt.Sprintf(`document.querySelector('#rows > li[data-id="u-%d"]').dataset.status`, i)
		if i%10 == 3 {
			b.key("r")
			b.is("the reason has the focus", `document.activeElement.id === 'reason'`)
			b.key("left" + kb.Enter)
			b.is("the row is marked", row+` === 'rejected'`)
		} else {
			b.key("a")
			b.is("the row is marked", row+` === 'approved'`)
		}
	}
	b.shows("the end", "#told", "No one is left in this list.")
	var u User
	if b.api("GET", "/api/v1/users/u-3", "", &u); len(u.Timeline) != 2 || u.Timeline[1].Reason != "left" {
		t.Errorf("the reason is not what was typed: %+v", u.Timeline)
	}
	t.Logf("%d decisions in %v", people, time.Since(began).Round(time.Millisecond))
	for i := range people {
		want := event.StatusApproved
		if i%10 == 3 {
			want = event.StatusRejected
		}
		if got := b.statusOf(fmt.Sprint("u-", i)); got != want {
			t.Errorf("u-%d is %s, want %s", i, got, want)
		}
	}
	if n := b.stored(event.StreamVerifications); n != people {
		t.Errorf("%d decisions are stored, want one for each", n)
	}
	order := b.text("#rows")
	if i, j := strings.Index(order, "Person 0"), strings.Index(order, "Person 49"); i < 0 || j < i {
		t.Error("the rows are not where they were")
	}
}

// Keys go through the list and to other pages, do nothing in fields, and can be changed
// and switched off.
func TestKeys(t *testing.T) {
	b := browse(t, 3, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	at := func(id string) string {
		return fmt.Sprintf(`document.querySelector('#pane:not([aria-busy])').dataset.id === %q && location.pathname === '/users/%s' && new URLSearchParams(location.search).get('status') === 'waiting'`, id, id)
	}
	b.is("the keys work", keysWork)
	b.key("j")
	b.is("j shows the first", at("u-0"))
	b.key("jj")
	b.is("and the third", at("u-2"))
	b.key("k")
	b.is("k goes back", at("u-1"))
	b.key("j")
	b.is("j again", at("u-2"))
	b.key("j")
	b.shows("behind the last", "#told", "This is the end of the list.")
	b.key(kb.Enter)
	b.is("Enter goes into the person", `document.activeElement.id === 'pane'`)
	b.key("?")
	b.is("help", `document.querySelector('dialog[open]')`)
	b.key("a")
	b.key(kb.Escape)
	b.is("help is closed", `!document.querySelector('dialog[open]')`)
	b.key("/")
	b.is("the search has the focus", `document.activeElement.id === 'q'`)
	b.key("a r j ?")
	b.is("letters are letters in a field", `document.querySelector('#q').value === 'a r j ?'`)
	b.key(kb.Escape)
	b.key("gi")
	b.is("imports", `location.pathname === '/imports' && `+keysWork)
	b.key("gk")
	b.is("keys", `location.pathname === '/keys' && !document.querySelector('#keys').hidden`)
	b.do("two with one key", chromedp.SetValue("#key-approve", "j"), chromedp.Click("#keys button.good"))
	b.is("are refused", `document.querySelector('#key-approve:invalid, #key-next:invalid')`)
	b.do("another key", chromedp.SendKeys("#key-approve", "p"), chromedp.Click("#keys button.good"))
	b.shows("kept", "#told", "Kept.")
	b.do("back", chromedp.Navigate(b.base+"/users/u-1?status=waiting"), chromedp.WaitVisible("form.approve"))
	b.shows("the new key", "form.approve", "p")
	b.key("a")
	b.key("p")
	b.is("the new key approves", `document.querySelector('#rows > li[data-id="u-1"]').dataset.status === 'approved'`)
	if n := b.stored(event.StreamVerifications); n != 1 {
		t.Errorf("%d decisions, want the one of the new key", n)
	}
	b.do("off", chromedp.Navigate(b.base+"/keys"), chromedp.WaitVisible("#keys"), chromedp.Click("#keys [name=on]"), chromedp.Click("#keys button.good"))
	b.shows("kept", "#told", "Kept.")
	b.do("back", chromedp.Navigate(b.base+"/users/u-2?status=waiting"), chromedp.WaitVisible("form.approve"))
	b.is("no keys are shown", `document.querySelector('form.approve .for-keys').hidden`)
	b.key("p")
	b.key("gi")
	b.do("by the button", chromedp.Click("form.approve button"))
	b.is("it is decided", `document.querySelector('#rows > li[data-id="u-2"]').dataset.status === 'approved'`)
	if n := b.stored(event.StreamVerifications); n != 2 {
		t.Errorf("%d decisions, want those of the key and of the button", n)
	}
}

// Two verifiers decide about one person: the second one is told who was first, when and
// what, and the row stays.
func TestTwoVerifiers(t *testing.T) {
	b := browse(t, 3, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.do("open", chromedp.Navigate(b.base+"/users/u-1?status=waiting"), chromedp.WaitVisible(".chips:not([hidden])"))
	if code := b.api("POST", "/api/v1/users/u-1/decision", `{"decision":"rejected","reason":"no"}`, nil); code != 200 {
		t.Fatalf("the other decision: %d", code)
	}
	b.do("approve", chromedp.Click("form.approve button"))
	b.shows("who was first", "#told", "Person 1: Already rejected by console:admin at ")
	b.is("the row stays, marked", `[...document.querySelectorAll('#rows > li')].map((li) => li.dataset.id + li.dataset.status).join() === 'u-0waiting,u-1rejected,u-2waiting'`)
	b.is("the focus stays with the person", `document.activeElement.id === 'pane' && document.activeElement.dataset.id === 'u-1'`)
}
