package console

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher/event"
)

// endSessions ends every session, as their time or a new password does.
func (r *rig) endSessions() {
	r.Helper()
	kv, err := r.js.KeyValue(r.Context(), event.BucketConsole)
	if err != nil {
		r.Fatal(err)
	}
	keys, err := kv.Keys(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for _, k := range keys {
		if strings.HasPrefix(k, sessionPrefix) {
			if err := kv.Purge(r.Context(), k); err != nil {
				r.Fatal(err)
			}
		}
	}
}

// The session ends while a reason is typed, at each way that a page then takes: back
// after the sign-in, what was typed is there and nothing is decided.
func TestTheSessionEndsWhileTyping(t *testing.T) {
	b := browse(t, 3, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	again := func(what string) {
		t.Helper()
		b.do(what, chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("#reason"))
		b.is(what+": on the user's page with what was typed", `location.pathname === '/users/u-1' && location.search === '?status=waiting' && document.querySelector('#reason').value === 'left' && document.querySelector('#note').value === 'since May'`)
		b.is("the keys work", keysWork)
	}
	b.do("open", chromedp.Navigate(b.base+"/users/u-1?status=waiting"), chromedp.WaitVisible(".chips:not([hidden])"))
	b.do("type", chromedp.SendKeys("#note", "since May"), chromedp.SendKeys("#reason", "left"))
	b.endSessions()
	b.key(kb.Enter)
	b.shows("the sign-in", "main", "Your session has ended.", "what you typed is kept")
	again("the rejection")
	b.shows("the page", "#pane", "Not decided yet")

	b.endSessions()
	b.do("approve", chromedp.Click("form.approve button"))
	b.do("sign in", chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("form.approve"))
	b.shows("an approval", "#pane", "Not decided yet", "press Approve to decide")
	b.is("what was typed before is there too", `document.querySelector('#reason').value === 'left'`)

	b.endSessions()
	b.do("another person", chromedp.Click(`li[data-id="u-2"] a`), chromedp.WaitVisible("#password"))
	b.do("sign in", chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("#pane h1"))
	b.do("back to the first", chromedp.Navigate(b.base+"/users/u-1?status=waiting"), chromedp.WaitVisible("#reason"))
	b.is("what was typed is there", `document.querySelector('#reason').value === 'left' && document.querySelector('#note').value === 'since May'`)
	if n := b.stored(event.StreamVerifications); n != 0 {
		t.Fatalf("%d decisions are stored, want none", n)
	}
	b.is("the keys work", keysWork)
	b.do("reject", chromedp.Click("form.reject button.bad"))
	b.is("it is decided", `document.querySelector('#rows > li[data-id="u-1"]').dataset.status === 'rejected'`)
	b.do("once more", chromedp.Navigate(b.base+"/users/u-1"), chromedp.WaitVisible("#pane h1"))
	b.is("what was sent is not kept", `sessionStorage.length === 0`)
}

// What is typed about one person is there again after another one was looked at.
func TestGoingOnLosesNothing(t *testing.T) {
	b := browse(t, 2, nil)
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the keys work", keysWork)
	b.key("j")
	b.is("the first", `document.querySelector('#pane[data-id="u-0"]:not([aria-busy]) #reason')`)
	b.do("type", chromedp.SendKeys("#reason", "wrong data"))
	b.key(kb.Escape)
	b.do("the second", chromedp.Click(`li[data-id="u-1"] a`))
	b.is("its reason is empty", `document.querySelector('#pane[data-id="u-1"]:not([aria-busy]) #reason')?.value === ''`)
	b.do("the first again", chromedp.Click(`li[data-id="u-0"] a`))
	b.is("the reason is there", `document.querySelector('#pane[data-id="u-0"]:not([aria-busy]) #reason')?.value === 'wrong data'`)
	b.do("sign out", chromedp.Click(`form[action="/signout"] button`), chromedp.WaitVisible("#password"))
	b.is("nothing is left of it", `sessionStorage.length === 0`)
}
