//go:build !noembed

package e2e

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/app"
	"usher/event"
)

// A person who is forgotten stands nowhere in the data folder any more, archive
// and refused files apart, which are listed; the others are as they were, and a
// later list does not welcome the person again.
func TestForget(t *testing.T) {
	u := newUsher(t)
	u.config.TellRejected = []string{event.SourceInbox}
	header := "user_id,name,email,phone,note\n"
	zoe := "z-1,Zoe Quillfeather,zoe.quillfeather@example.org,+493098765432,likes marmalade\n"
	u.drop("zoe.csv", header+zoe+"o-1,Other One,other@example.org,+493098765433,\n")
	u.start("")
	if err := u.decide(event.VerbApproved, "z-1", "o-1"); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(30*time.Second, "z-1", "o-1")
	u.closed("z-1")
	u.order("again", event.VerbResend, "z-1")
	u.reaches("z-1", "sent to again", func(p event.Person) bool {
		return has(event.StatusWelcomed)(p) && p.Sends["1.welcome.email.2"].State == event.SendAccepted
	})
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := event.VerificationBody{UserID: "z-1", Reason: "Zoe Quillfeather called"}
	if err := c.Publisher.Verification(t.Context(), event.SourceCLI, event.VerbRejected, event.NewID(), body); err != nil {
		t.Fatal(err)
	}
	if _, err := c.JetStream.Publish(t.Context(), "verifications.v1.crm.approved", []byte(`{"email": "zoe.quillfeather@example.org", "user_id": 7}`)); err != nil {
		t.Fatal(err) // becomes a dead letter
	}
	u.waitIdle(2)
	secrets := []string{"quillfeather", "493098765432", "marmalade"}
	if len(u.grep(secrets)) == 0 {
		t.Fatal("the test finds nothing even before")
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	forgetting := app.Forgetting{Client: c, Data: u.dir, TemporalNamespace: "default"}
	dry := forgetting
	dry.DryRun = true
	would, err := dry.Run(ctx, "z-1")
	if err != nil {
		t.Fatal(err)
	}
	done, err := forgetting.Run(ctx, "z-1")
	if err != nil {
		t.Fatal(err)
	}
	if would.Runs != done.Runs || done.Runs < 2 || len(done.Files) == 0 || !strings.HasSuffix(done.Files[0], "zoe.csv") {
		t.Errorf("a dry run says %+v, forgetting %+v; want two runs and the archived file", would, done)
	}
	for deadline := time.Now().Add(10 * time.Second); len(u.grep(secrets)) > 0; time.Sleep(50 * time.Millisecond) { // the console reads the fact
		if time.Now().After(deadline) {
			t.Fatalf("the person still stands in %v", u.grep(secrets))
		}
	}
	u.stop()
	if found := u.grep(secrets); len(found) > 0 {
		t.Errorf("after a stop the person stands in %v", found)
	}

	u.start("")
	u.drop("export.csv", header+"z-1,Zoe Again,zoe.again@example.org,,\no-1,Other One,other@example.org,+493098765433,\n")
	u.waitIdle(4)
	mails, _ := u.caught()
	if mails["zoe.again@example.org"] != 0 || mails["other@example.org"] != 1 {
		t.Errorf("e-mails after a later list: %v", mails)
	}
	p, err := u.status("z-1")
	if err != nil || !p.Forgotten || p.Status != event.StatusWelcomed || len(p.Sends) > 0 {
		t.Errorf("what is left of the record: %+v, %v", p, err)
	}
}

// grep are the files of the data folder in which one of the words stands, archive
// and refused files apart.
func (u *usher) grep(words []string) []string {
	u.Helper()
	var found []string
	err := filepath.WalkDir(u.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.Name() == "archive" || d.Name() == "refused" {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		b = bytes.ToLower(b)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) {
				found = append(found, path+": "+w)
			}
		}
		return nil
	})
	if err != nil {
		u.Fatal(err)
	}
	return found
}
