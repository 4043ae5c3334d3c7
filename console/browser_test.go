package console

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher/event"
)

// chromium starts a browser for one test, or skips it where there is none.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is needed: apt-get install chromium")
		}
		t.Skip("needs Debian's package chromium")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it, so that a later deadline stops an action and not the browser
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A verifier's way through the console, in a real browser and by keyboard where
// that is how hundreds a day are decided about.
func TestInABrowser(t *testing.T) {
	ctx := chromium(t)
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	for i := range 4 {
		id := fmt.Sprint("u-", i)
		r.user(id, fmt.Sprint("Person ", i))
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		r.eventually(id+" waits", func() bool { return r.statusOf(id) == event.StatusWaiting })
	}
	err := r.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamVerifications, Sequence: 7, Subject: "verifications.v1.crm.approved", Reason: event.ReasonMalformed, Cause: "the body is not a JSON object", Stored: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	shows := func(what string, want ...string) {
		t.Helper()
		text, err := chromedp.Run(ctx, chromedp.Text("main"))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", what, w, text)
			}
		}
	}

	do("sign in wrongly", chromedp.Navigate(r.base+"/"), chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", "wrong"+kb.Enter), chromedp.WaitVisible("[role=alert]"))
	shows("a wrong password", "The name or the password is wrong.")
	do("sign in", chromedp.SendKeys("#password", password+kb.Enter), chromedp.WaitVisible("header nav"))
	shows("the queue", "Person 0", "Person 3")

	do("find", chromedp.SendKeys("#q", "Person 1"+kb.Enter), chromedp.WaitNotPresent(`a[href="/users/u-0"]`), chromedp.Click(`a[href="/users/u-1"]`), chromedp.WaitVisible("button.good"))
	do("approve", chromedp.Click("button.good"), chromedp.WaitVisible("[role=status]"))
	shows("an approval", "Done: approved.", "Next who waits: Person 0")
	do("next by the key Enter", chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#reason"))
	do("a rejection without a reason is not sent", chromedp.Click("button.bad"), chromedp.WaitVisible("#reason:invalid"))
	do("reject", chromedp.SendKeys("#reason", "left the company"+kb.Enter), chromedp.WaitVisible("[role=status]"))
	shows("a rejection", "Done: rejected.", "left the company", "Next who waits: Person 2")

	// Another person decides while the page is open.
	do("open", chromedp.Navigate(r.base+"/users/u-2"), chromedp.WaitVisible("button.good"))
	if code := r.api("POST", "/api/v1/users/u-2/decision", `{"decision":"rejected","reason":"no"}`, nil); code != 200 {
		t.Fatalf("the other decision: %d", code)
	}
	do("too late", chromedp.Click("button.good"), chromedp.WaitVisible("[role=status]"))
	shows("a late decision", "Already rejected by console:admin at ")

	do("dead letters", chromedp.Navigate(r.base+"/deadletters"), chromedp.WaitVisible("table"))
	shows("dead letters", "malformed", "the body is not a JSON object", "VERIFICATIONS 7")
	do("filter them", chromedp.SetValue("#why", event.ReasonDenied), chromedp.Submit("#why"), chromedp.WaitVisible("td[colspan]"))
	do("imports", chromedp.Navigate(r.base+"/imports"), chromedp.WaitVisible("table"))
	shows("imports", "Imports")

	// No page is wider than the screen, on a desk or in a hand.
	for _, width := range []int64{1280, 390} {
		for name, path := range map[string]string{"queue": "/users?status=waiting", "user": "/users/u-3", "decided": "/users/u-2", "deadletters": "/deadletters", "imports": "/imports", "figures": "/figures"} {
			do(name, chromedp.EmulateViewport(width, 800), chromedp.Navigate(r.base+path), chromedp.WaitVisible("main"))
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
			if err != nil {
				t.Fatal(err)
			}
			if wide > width {
				t.Errorf("%s is %d pixels wide on a screen of %d", name, wide, width)
			}
			if dir := os.Getenv("USHER_SCREENSHOTS"); dir != "" { // for people to look at
				picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}

	do("withdraw in a hand, by keyboard", chromedp.Navigate(r.base+"/users/u-3"), chromedp.WaitVisible("#why"), chromedp.SendKeys("#why", "left the company"+kb.Enter), chromedp.WaitVisible("[role=status]"))
	shows("a withdrawal", "Done: withdrawn.", "Reopen")
}
