package console

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/event"
)

// The README's picture is the console of today: `make picture` writes it.
func TestThePictureOfTheREADME(t *testing.T) {
	to := cmp.Or(os.Getenv("USHER_PICTURE"), filepath.Join(t.TempDir(), "console.png"))
	ctx := chromium(t)
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	for _, u := range []struct {
		id, name string
		status   event.Status
	}{
		{"u-1001", "Ada Lovelace", event.StatusWaiting}, {"u-1002", "Grace Hopper", event.StatusWaiting}, {"u-1003", "Emmy Noether", event.StatusWaiting},
		{"u-1004", "Sofja Kowalewskaja", event.StatusWelcomed}, {"u-1005", "Hedy Lamarr", event.StatusWaiting}, {"u-1006", "Katherine Johnson", event.StatusWaiting},
	} {
		r.user(u.id, u.name)
		r.fact(event.Fact{Kind: event.FactStarted, UserID: u.id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		if u.status != event.StatusWaiting {
			r.fact(event.Fact{Kind: event.FactWelcomed, UserID: u.id, Generation: 1, N: 9, Status: u.status, Inbox: "inbox"})
		}
		r.eventually(u.id+" is there", func() bool { return r.statusOf(u.id) == u.status })
	}
	if code := r.api("POST", "/api/v1/users/u-1002/decision", `{"decision":"rejected","reason":"left the company"}`, nil); code != 200 {
		t.Fatalf("a decision: %d", code)
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 720), chromedp.Navigate(r.base+"/"), chromedp.WaitVisible("#password"),
		chromedp.SendKeys("#password", password), chromedp.Submit("#password"), chromedp.WaitVisible("header nav"),
		chromedp.Navigate(r.base+"/users/u-1003?sort=name"), chromedp.WaitVisible(".chips:not([hidden])"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if len(picture) > 200<<10 {
		t.Errorf("the picture has %d bytes, which is much for a README", len(picture))
	}
	if err := os.WriteFile(to, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
