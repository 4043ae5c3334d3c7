//go:build !noembed

package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/app"
	"usher/event"
	"usher/streams"
)

// A person who is forgotten stands nowhere in the data folder any more, archive
// and refused files apart, which are listed; the others are as they were, and a
// later list does not welcome the person again.
func TestForget(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.TellRejected = []string{event.SourceInbox}
	u.config.ReceiptsURL = "http://receipts.example"
	u.start("")
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// By address, in another spelling than the record and before it; the record has an id of its own.
	address := event.VerificationBody{Email: "Zoe.QUILLFEATHER@BÜCHER.example", Reason: "called"}
	if err := c.Publisher.Verification(t.Context(), "crm", event.VerbApproved, "came-before", address); err != nil {
		t.Fatal(err)
	}
	header := "user_id,name,email,phone,note\n"
	zoe := "z-1,Zoe Quillfeather,zoe.quillfeather@bücher.example,+493098765432,likes marmalade\n"
	u.drop("zoe.csv", header+zoe+"o-1,Other One,other@example.org,+493098765433,\nbad,Bad Row,no address,,\n")
	if err := u.decide(event.VerbApproved, "z-1", "o-1"); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(30*time.Second, "z-1", "o-1")
	u.closed("z-1")
	u.order("again", event.VerbResend, "z-1")
	u.reaches("z-1", "sent to again", func(p event.Person) bool {
		return has(event.StatusWelcomed)(p) && p.Sends["1.welcome.email.2"].State == event.SendAccepted
	})
	u.drop("packed.csv.gz", gzipped(t, header+strings.ReplaceAll(zoe, "+4930", "+49 30 ")+"o-2,Other Two,two@example.org,,\n"))
	u.drop("others.csv.gz", gzipped(t, header+"o-3,Other Three,three@example.org,,\n"))
	body := event.VerificationBody{UserID: "z-1", Reason: "Zoe Quillfeather called"}
	if err := c.Publisher.Verification(t.Context(), event.SourceCLI, event.VerbRejected, event.NewID(), body); err != nil {
		t.Fatal(err)
	}
	address.Email = " zoe.quillfeather@Xn--Bcher-Kva.Example"
	if err := c.Publisher.Verification(t.Context(), "crm", event.VerbApproved, "came-after", address); err != nil {
		t.Fatal(err)
	}
	if _, err := c.JetStream.Publish(t.Context(), "verifications.v1.crm.approved", []byte(`{"email": "zoe.quillfeather@Bücher.example", "user_id": 7}`)); err != nil {
		t.Fatal(err) // becomes a dead letter
	}
	u.waitIdle(5)
	list, err := streams.NewDelivery(t.Context(), c.JetStream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := list.Suppress(t.Context(), "zoe", event.Suppression{Channel: event.ChannelSMS, Reason: event.SuppressedByOperator}); err != nil {
		t.Fatal(err)
	}
	referred := u.referred(c)
	if referred["z-1"] != 2 || referred["o-1"] != 1 {
		t.Fatalf("receipts refer to %v, want the two text messages of z-1 and one of o-1", referred)
	}
	secrets := []string{"quillfeather", "493098765432", "marmalade", "came-before", "came-after"}
	if len(u.grep(secrets)) == 0 {
		t.Fatal("the test finds nothing even before")
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	forgetting, end, err := c.Forgetting(u.dir, "", "default")
	if err != nil {
		t.Fatal(err)
	}
	defer end()
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
	if would.Runs != done.Runs || done.Runs < 3 { // the last two of the user, and one that waits under the address
		t.Errorf("a dry run says %+v, forgetting %+v; want three runs at least", would, done)
	}
	var files []string
	for _, f := range done.Files {
		files = append(files, f.Path)
	}
	if len(files) != 2 || !strings.HasSuffix(files[0], "-packed.csv.gz") && !strings.HasSuffix(files[1], "-packed.csv.gz") || strings.Contains(strings.Join(files, ""), "refused") {
		t.Errorf("listed are %+v, want the two archived files that name the person", done.Files)
	}
	for deadline := time.Now().Add(10 * time.Second); len(u.grep(secrets)) > 0; time.Sleep(50 * time.Millisecond) { // the console reads the fact
		if time.Now().After(deadline) {
			t.Fatalf("the person still stands in %v", u.grep(secrets))
		}
	}
	if referred := u.referred(c); referred["z-1"] != 0 || referred["o-1"] != 1 {
		t.Errorf("receipts still refer to %v", referred)
	}
	if _, yes, err := list.Suppressed(t.Context(), "zoe"); !yes || err != nil {
		t.Errorf("the suppression is gone (%v): a later list would write to the address", err)
	}
	if again, err := forgetting.Run(ctx, "z-1"); err != nil || again.Runs != 0 || len(again.Messages) != 1 { // the fact
		t.Errorf("once more: %+v, %v", again, err)
	}
	u.stop()
	if found := u.grep(secrets); len(found) > 0 {
		t.Errorf("after a stop the person stands in %v", found)
	}

	u.start("")
	u.drop("export.csv", header+"z-1,Zoe Again,zoe.again@example.org,,\no-1,Other One,other@example.org,+493098765433,\n")
	u.waitIdle(7)
	mails, _ := u.caught()
	if mails["zoe.again@example.org"] != 0 || mails["other@example.org"] != 1 {
		t.Errorf("e-mails after a later list: %v", mails)
	}
	p, err := u.status("z-1")
	if err != nil || !p.Forgotten || p.Status != event.StatusWelcomed || len(p.Sends) > 0 {
		t.Errorf("what is left of the record: %+v, %v", p, err)
	}
}

// referred counts by user what receipts refer to.
func (u *usher) referred(c *app.Client) map[string]int {
	u.Helper()
	found := map[string]int{}
	sel := streams.Selection{Subjects: []string{"$KV.DELIVERY.reference.>"}}
	err := streams.Read(u.Context(), c.JetStream, "KV_DELIVERY", sel, func(m streams.Message, _ uint64) error {
		var r event.Reference
		err := json.Unmarshal(m.Data, &r)
		found[r.UserID]++
		return err
	})
	if err != nil {
		u.Fatal(err)
	}
	return found
}

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
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
