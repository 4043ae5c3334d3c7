package console

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher/event"
)

// Under a path of a host that is reached without TLS, where browsers say less about
// where a form comes from, scripts do all that they do at the root: they decide, take
// back, follow what happens, go through pages, and lead to the sign-in and back.
func TestScriptsUnderABase(t *testing.T) {
	b := browse(t, 3, func(c *Config) {
		c.URL, c.UndoWindow = "http://"+publicHost+"/base/", event.MaxUndoWindow
	}, chromedp.Flag("host-resolver-rules", "MAP "+publicHost+" 127.0.0.1"))
	_, port, err := net.SplitHostPort(b.console.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	home := "http://" + net.JoinHostPort(publicHost, port) + "/base"
	in := []chromedp.Action[chromedp.Void]{chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("header nav")}
	b.do("sign in", append([]chromedp.Action[chromedp.Void]{chromedp.EmulateViewport(1400, 900), chromedp.Navigate(home + "/users/u-1?status=waiting")}, in...)...)
	b.is("back where one was", `location.pathname === '/base/users/u-1' && `+keysWork)
	b.is("the reader's zone is for these pages alone", `document.cookie.includes('usher_zone=')`)
	b.key("a")
	b.shows("an approval", "#told", "Person 1")
	b.is("it is held back", `document.querySelector('li[data-id="u-1"] form.undo')`)
	b.key("u")
	b.is("it is taken back", `!document.querySelector('li[data-id="u-1"] form.undo') && document.querySelector('li[data-id="u-1"]').dataset.status === 'waiting'`)
	b.key("k")
	b.is("the person beside the list", `location.pathname.startsWith('/base/users/u-')`)

	comes := func(id, waiting string) {
		b.user(id, "Person "+id)
		b.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		b.shows("the stream", "#count-waiting", waiting)
	}
	comes("u-9", "4")
	b.is("the list is offered anew", `!document.querySelector('.new').hidden`)
	b.do("see it", chromedp.Click(".new a"), chromedp.WaitVisible(`li[data-id="u-9"]`))

	b.key("gk")
	b.is("keys", `location.pathname === '/base/keys' && `+keysWork)
	b.key("/")
	b.is("the key of the search", `location.pathname === '/base/users' && `+keysWork)

	// The session ends elsewhere, while the stream of this page is open; the next person
	// leads to the sign-in, and that back.
	comes("u-8", "5")
	b.eventually("the session is known", func() bool { return len(b.console.signins.all("admin")) == 1 })
	if err := (sessionStore{b.console.signins.kv}).end(t.Context(), sessionPrefix+b.console.signins.all("admin")[0].ID); err != nil {
		t.Fatal(err)
	}
	b.shows("the stream says so", "#told", "Your session has ended")
	b.do("the next person", chromedp.Click(`li[data-id="u-2"] a`))
	b.is("the sign-in", fmt.Sprintf("location.pathname === '/base/signin' && new URLSearchParams(location.search).get('next') === %q", "/users"))
	b.do("sign in again", in...)
	b.is("back", `location.pathname === '/base/users'`)
	if code := b.api("GET", "/api/v1/users", "", nil); code != http.StatusOK {
		t.Errorf("the API: %d", code)
	}
}

// A browser takes the cookies with their prefixes over https, and sends the one of the
// session to pages, forms, scripts and the stream.
func TestABrowserOverHTTPS(t *testing.T) {
	r := proxied(t, func(c *Config) { c.UndoWindow, c.Answer = event.MaxUndoWindow, 10*time.Second })
	r.playWorkflows(t.Context())
	b := tab{r, chromium(t, chromedp.Flag("host-resolver-rules", "MAP "+publicHost+":443 "+r.front), chromedp.Flag("ignore-certificate-errors", true))}
	b.do("a desk", chromedp.EmulateViewport(1400, 900))
	b.signIn()
	b.is("the address is the one of the site", fmt.Sprintf("location.origin === %q && location.pathname === '/base/users' && ", "https://"+publicHost)+keysWork)
	b.key("j")
	b.is("the first person is shown", `document.querySelector('#pane[data-id="u-1"]:not([aria-busy]) form.approve')`)
	b.key("a")
	b.is("a decision by a script", `document.querySelector('li[data-id="u-1"] form.undo')`)
	b.user("u-9", "Person 9")
	b.fact(event.Fact{Kind: event.FactStarted, UserID: "u-9", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	b.is("the stream", `!document.querySelector('.new').hidden`)
	b.do("sign out", chromedp.Click(`.who-am-i form button`), chromedp.WaitVisible("#password"))
	b.is("the sign-in", `location.pathname === '/base/signin'`)
}
