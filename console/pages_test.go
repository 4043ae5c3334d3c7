package console

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"usher/console/logins"
	"usher/event"
)

// brokenWords are words that stand on two lines. A long address may go on behind its
// punctuation; a name of more letters than a small screen has room for must.
const brokenWords = `(() => {
	const out = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		if (!n.parentElement.checkVisibility()) continue;
		for (const m of n.data.matchAll(/(?<![\p{L}\p{N}])[\p{L}\p{N}]{2,28}(?![\p{L}\p{N}])/gu)) {
			const r = document.createRange();
			r.setStart(n, m.index);
			r.setEnd(n, m.index + m[0].length);
			if (new Set([...r.getClientRects()].map((x) => Math.round(x.top))).size > 1) out.push(m[0]);
		}
	}
	return out;
})()`

// cutTexts are those of figures, fields' labels, buttons and headings that leave what
// shows them.
const cutTexts = `[...document.querySelectorAll('.chart svg text, button, h1, h2, th, label, .status')].filter((e) => {
	if (!e.checkVisibility() || e.closest('.scroll, dialog, .unseen') || e.classList.contains('unseen')) return false;
	const r = e.getBoundingClientRect(), s = e.closest('svg')?.getBoundingClientRect();
	return r.left < -0.5 || r.right > innerWidth + 0.5 || s && (r.left < s.left - 0.5 || r.right > s.right + 0.5) || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline' && !s;
}).map((e) => e.textContent)`

// look sets a theme: "dark", "light" or "forced".
func look(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "forced-colors", Value: "none"}}
		if theme == "forced" {
			features[0].Value, features[1].Value = "dark", "active"
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	})
}

// widest is an id with letters that need the most room: by chance one may have many.
func widest(first string) string { return first + strings.Repeat("W", len(event.NewID())-1) }

// everyPage starts a console whose pages have something to show, with names and files as
// long as they may be, and a browser that is signed in. It returns the pages' paths.
func everyPage(t *testing.T) (b tab, pages map[string]string) {
	t.Helper()
	l := &ledger{person: event.Person{Generation: 1, Status: event.StatusActive, Sends: map[string]event.Send{
		event.SendKey(1, event.PurposeWelcome, "email", 1): {State: event.SendAccepted, Provider: "main", At: time.Now()},
		event.SendKey(1, event.PurposeWelcome, "sms", 1):   {Failed: 2, Tries: []event.Try{{At: time.Now(), Provider: "twilio", Result: "retry", Reason: "rate_limited", Code: "HTTP 429"}}},
	}}}
	b = browse(t, 0, func(c *Config) {
		c.Ledger, c.Previews, c.TemporalUI = l, previews{}, "http://127.0.0.1:8233/namespaces/default"
	})
	at := time.Now().UTC()
	in := func(p event.Progress) event.Progress {
		p.Source, p.StartedAt, p.At = "human-resources-department", at, at
		return p
	}
	b.publish(event.ProgressSubject("hr", "i1"), in(event.Progress{Import: widest("1"), File: "EMEA_onboarding_candidates_2026-11-29_final_v2_corrected.csv", State: event.ImportPublishing, Rows: 120000, Record: 30000, Rate: 2500, Left: 36}))
	b.publish(event.ProgressSubject("hr", "i2"), in(event.Progress{Import: widest("2"), File: "bad.csv", State: event.ImportRefused, Code: "E_HEADER", Reason: "no column is known", Next: "Mend the file and drop it again.", Rows: 12, Refused: 12, Errors: map[string]int{"E_EMAIL_SYNTAX": 4, "E_PHONE_AMBIGUOUS": 8}}))
	b.publish(event.ProgressSubject("hr", "i3"), in(event.Progress{Import: widest("3"), File: "nightly.csv", State: event.ImportHeld, Reason: "it may have been cut off after row 2100", Next: "Look at the end of the file.", Digest: "0123"}))
	for i, name := range []string{"Ada Lovelace", "Maximilian-Alexander von Württemberg-Hohenzollern", "Özge Yılmaz", "Wolfeschlegelsteinhausenbergerdorff", "X", "山田太郎", "محمد بن عبد الله"} {
		id := fmt.Sprintf("employee-2026-%04d", i)
		b.publish(event.ImportedSubject("human-resources-department"), event.User{UserID: id, Name: name, Email: id + ".a-rather-long-local-part@subsidiary.example.org", Phone: "+4915112345678", Locale: "de-AT",
			Attributes: map[string]string{"Kostenstelle": "4711", "Department": "Research and development of very long descriptions"}, Import: event.Import{ID: "imp", File: "EMEA_onboarding_candidates_2026-11-29_final_v2_corrected.csv", Line: i + 2}})
		b.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "human-resources-department"})
		if i == 2 {
			b.fact(event.Fact{Kind: event.FactApproved, UserID: id, Generation: 1, N: 1, Status: event.StatusApproved, Effect: event.EffectApplied, DecidedBy: "console:admin", Verdict: "approved", EventID: event.NewID(), EventSource: "console"})
			b.fact(event.Fact{Kind: event.FactFailed, UserID: id, Generation: 1, N: 2, Status: event.StatusApproved, Channel: "sms", Reason: "recipient_invalid"})
			b.fact(event.Fact{Kind: event.FactFinished, UserID: id, Generation: 1, N: 3, Status: event.StatusPartlyWelcomed})
		}
	}
	if err := b.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamVerifications, Sequence: 7, Subject: "verifications.v1.customer-relationship-management.approved", Reason: event.ReasonMalformed, Cause: "the body is not a JSON object", Stored: time.Now()}); err != nil {
		t.Fatal(err)
	}
	b.eventually("the users are there", func() bool {
		return b.statusOf("employee-2026-0006") == event.StatusWaiting && b.statusOf("employee-2026-0002") == event.StatusPartlyWelcomed
	})
	b.eventually("the dead letter is there", func() bool { n, _ := b.console.model.letterCount(t.Context()); return n == 1 })
	b.fact(event.Fact{Kind: event.FactFailed, UserID: "employee-2026-0002", Generation: 1, N: 4, Status: event.StatusPartlyWelcomed, Channel: "email", Reason: event.ReasonUnknown})
	b.fact(event.Fact{Kind: event.FactParked, UserID: "employee-2026-4711", Status: event.StatusParked, Answers: event.AnswersVerification, EventID: event.NewID(), EventSource: "customer-relationship-management"})
	if _, err := b.pub.Fact(t.Context(), event.Fact{Kind: event.FactActivated, UserID: "employee-2026-0005", Generation: 1, N: 2, At: at.Add(-time.Hour), Status: event.StatusActive, Inbox: "hr"}); err != nil {
		t.Fatal(err)
	}
	b.do("the sign-in", chromedp.Navigate(b.base+"/signin"), chromedp.WaitVisible("#password"))
	pages = map[string]string{
		"desk": "/users?status=waiting", "user": "/users/employee-2026-0001?status=waiting", "decided": "/users/employee-2026-0002", "none": "/users?status=parked", "nobody": "/users?q=nobody",
		"imports": "/imports", "deadletters": "/deadletters", "deadletter": "/deadletters/1", "suppressed": "/suppressed", "figures": "/figures", "messages": "/preview", "keys": "/keys", "error": "/users/nobody-of-that-name",
		"trail": "/trail", "accounts": "/accounts", "tokens": "/tokens", "own": "/account",
		"failed": "/failed", "unknown": "/unknown", "stuck": "/stuck", "recent": "/decisions",
	}
	b.signIn()
	b.login("maximiliane.von-und-zu-lichtenstein", logins.Verifier, "customer-relationship-management", "hr")
	c := b.signed()
	page(t, c, "POST", b.base+"/tokens", url.Values{"name": {"nightly-export-to-the-warehouse"}, "role": {"viewer"}, "days": {"90"}})
	for i := range 3 {
		form := url.Values{"scope": {"all"}}
		if i == 2 { // is done at once; the others stay as they are
			form = url.Values{"user_ids": {"employee-2026-0003"}}
		}
		resp, _ := page(t, c, "POST", b.base+"/bulk?status=waiting", form)
		id, _, _ := strings.Cut(strings.TrimPrefix(resp.Header.Get("Location"), "/bulk/"), "?")
		pages[fmt.Sprint("bulk-", i)] = "/bulk/" + id
		if i == 0 {
			continue // the preview
		}
		b.console.UndoWindow = time.Duration(2-i) * time.Hour
		page(t, c, "POST", b.base+"/bulk/"+id+"/begin", url.Values{"decision": {"rejected"}, "reason": {"wrong_data"}})
	}
	pages["bulks"] = "/bulk"
	return b, pages
}

// No page is wider than the screen, breaks a word in the middle or cuts off a label, on
// a wide desk, in a hand and between. USHER_SCREENSHOTS=DIR keeps pictures for people.
func TestPagesFitEveryScreen(t *testing.T) {
	b, pages := everyPage(t)
	shots := os.Getenv("USHER_SCREENSHOTS")
	for _, width := range []int64{320, 768, 1280, 1920} {
		for _, theme := range []string{"light", "dark", "forced"} {
			if shots == "" && theme != "light" { // words are as wide in every theme
				continue
			}
			for name, path := range pages {
				b.do(name, look(theme), chromedp.EmulateViewport(width, 900), chromedp.Navigate(b.base+path), chromedp.WaitVisible("#main"))
				b.is(name+" is ready", keysWork)
				wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
				if err != nil {
					t.Fatal(err)
				}
				if wide > width {
					t.Errorf("%s is %d pixels wide on a screen of %d", name, wide, width)
				}
				for what, expression := range map[string]string{"breaks words": brokenWords, "cuts off texts": cutTexts} {
					words, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](expression))
					if err != nil {
						t.Fatal(err)
					}
					if len(words) > 0 {
						t.Errorf("%s at %d pixels %s: %q", name, width, what, words)
					}
				}
				if shots == "" {
					continue
				}
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", name, width, theme)), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
