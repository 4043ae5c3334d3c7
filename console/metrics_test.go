package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"usher/event"
)

func TestFiguresAreDrawnFromWhatHappened(t *testing.T) {
	r := newRig(t)
	r.run()
	for i, f := range []event.Fact{
		{Kind: event.FactStarted, UserID: "u-1", Status: event.StatusWaiting},
		{Kind: event.FactStarted, UserID: "u-2", Status: event.StatusWaiting},
		{Kind: event.FactApproved, UserID: "u-1", N: 1, Status: event.StatusApproved, Effect: event.EffectApplied},
		{Kind: event.FactFailed, UserID: "u-1", N: 2, Status: event.StatusActive, Channel: "sms", Reason: "recipient_invalid"},
		{Kind: event.FactFinished, UserID: "u-1", N: 3, Status: event.StatusPartlyWelcomed},
	} {
		f.Generation, f.Inbox = 1, "inbox"
		if i == 0 {
			f.Inbox = "hr"
		}
		r.fact(f)
	}
	if err := r.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamUsers, Sequence: 1, Reason: event.ReasonMalformed, Stored: time.Now()}); err != nil {
		t.Fatal(err)
	}
	r.eventually("u-1 has ended", func() bool { return r.statusOf("u-1") == event.StatusPartlyWelcomed })
	r.eventually("the dead letter is there", func() bool { n, _ := r.console.model.letterCount(t.Context()); return n == 1 })

	for _, w := range windows {
		charts, err := r.console.model.charts(t.Context(), w, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, c := range charts {
			for _, row := range c.Rows {
				for i, v := range row.Values {
					got[c.Title+"/"+c.Series[i]] += v
					if v > 0 {
						got[row.Label] += v
					}
				}
			}
			for _, b := range c.Bars {
				if b.X < 0 || b.X+b.W > chartWidth || b.Y < 0 || b.H <= 0 || b.Y+b.H > chartHeight+0.01 {
					t.Errorf("%s, %s: a bar leaves the picture: %+v", w.Name, c.Title, b)
				}
			}
		}
		const flow = "Arrivals, decisions and ends/"
		for what, want := range map[string]float64{
			flow + "arrived": 2, flow + "decided": 1, flow + "welcomed": 0, flow + "ended otherwise": 1,
			"waiting": 1, "partly_welcomed": 1, "under 1 hour": 1, "sms recipient_invalid": 1, "malformed": 1,
		} {
			if got[what] != want {
				t.Errorf("%s, %s: got %v, want %v", w.Name, what, got[what], want)
			}
		}
	}

	c := browser(t)
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	resp, body := page(t, c, "GET", r.base+"/figures?show=7+days", nil)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<svg") || !strings.Contains(body, `aria-current="true">7 days`) || strings.Contains(body, "style=") {
		t.Errorf("the page: %d\n%s", resp.StatusCode, body)
	}
	if _, err := html.Parse(strings.NewReader(body)); err != nil {
		t.Error(err)
	}
}
