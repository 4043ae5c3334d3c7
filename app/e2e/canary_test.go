//go:build !noembed

package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/canary"
	"usher/event"
)

// One canary is refused by the mail server, and the process of another ends before
// it decides. Those that come next, and arrive, withdraw the one that is open and take
// the records of both out; everything else about them goes by itself, and nothing
// about people. A regression of issue 14.
func TestNothingIsLeftOfCanariesThatFailed(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.SMTPAddr = moodySMTP(t, map[string][]error{
		"gone@example.org": {&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody"}, errAlways},
	})
	u.start("")
	u.drop("users.csv", list(1, 1, ""))
	if err := u.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(60*time.Second, "u-1")
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run := func(email string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		_, err := canary.Journey{JetStream: c.JetStream, Publisher: c.Publisher, Inbox: filepath.Join(u.dir, event.SourceCanary), Email: email, MayTake: time.Nanosecond}.Run(ctx)
		return err
	}
	var stopped *canary.Error
	if err := run("gone@example.org"); !errors.As(err, &stopped) || stopped.Step != "welcome" {
		t.Fatalf("the canary to an address that is refused: %v", err)
	}
	const waits = "canary.waits"
	file := filepath.Join(u.dir, event.SourceCanary, waits+".csv")
	if err := os.WriteFile(file+".new", []byte("user_id,name,email,phone,locale\n"+waits+",Canary,sink@example.org,,en\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	u.until("the other one waits for a decision", func() bool {
		p, err := u.status(waits)
		return err == nil && p.Generation == 1
	})
	u.waitIdle(3)
	if err := run("sink@example.org"); err != nil {
		t.Fatal(err)
	}
	u.reaches(waits, "withdrawn", has(event.StatusWithdrawn))
	u.closed(waits)
	if err := run("sink@example.org"); err != nil {
		t.Fatal(err)
	}
	if left, going := canariesLeft(t, c.JetStream); len(left) > 0 || going < 20 {
		t.Errorf("%d messages about canaries go by themselves, and there is left for good: %q", going, left)
	}
	if p, err := u.status("u-1"); err != nil || p.Status != event.StatusWelcomed {
		t.Errorf("the record of u-1: %s, %v", p.Status, err)
	}
}
