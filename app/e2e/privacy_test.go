//go:build !noembed

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// Personal data of unusual forms in every field, also in places where it does
// not belong, shows up in no log, no metric, and nothing that Temporal stores.
func TestPersonalDataStaysWhereItBelongs(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	secrets := []string{"zephyrine", "o'quux+tag", "grünwald", "4930778899", "quibble", "xanthippe"}
	u.drop("xanthippe@quibble.example.csv", "user_id,name,email,phone,locale,Department\n"+
		"u-1,Zephyrine Grünwald,o'quux+tag@quibble.example,+49 30 778899,de,Xanthippe\n"+
		"zephyrine@quibble.example,Zephyrine,,,en,\n"+
		"zephyrine grünwald,Zephyrine,zephyrine(at)quibble.example,+49 30 778899 zephyrine,zephyrine,Xanthippe\n"+
		"u-4,Zephyrine,nobody@nowhere@quibble.example,4.9E+11,en,\n")
	u.start("")
	u.waitIdle(2)
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct{ subject, body string }{
		{"verifications.v1.crm.approved", `{"email":"o'quux+tag@quibble.example","reason":"Zephyrine said so","actor":"zephyrine@quibble.example"}`},
		{"verifications.v1.crm.approved", `{"user_id":"zephyrine@quibble.example"}`},
		{"verifications.v1.crm.approved", `{"user_id":"Zephyrine`},
		{"verifications.v1.crm.approved", `{"user_id":"u-1","reason":"Zephyrine Grünwald is fine","actor":"Zephyrine Grünwald"}`},
	} {
		if _, err := c.JetStream.Publish(t.Context(), v.subject, []byte(v.body)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	people := u.waitFinal(60*time.Second, "u-1")
	if people["u-1"].Status != event.StatusWelcomed {
		t.Errorf("u-1 is %s", people["u-1"].Status)
	}
	var text string
	u.get("http://"+u.addr.Ops+"/metrics", &text)
	places := map[string][]byte{"metrics": []byte(text)}
	u.get("http://"+u.addr.Ops+"/readyz", &text)
	places["readyz"] = []byte(text)
	u.stop()
	if places["log"], err = os.ReadFile(u.log.Name()); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(u.dir, "temporal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		places[filepath.Base(path)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places["state.db"]) == 0 || len(places["log"]) == 0 {
		t.Fatal("there is nothing to search")
	}
	if !bytes.Contains(append(places["state.db"], places["state.db-wal"]...), []byte("onboard-u-1")) {
		t.Error("the search of Temporal's files finds not even the workflow id: it proves nothing")
	}
	for place, content := range places {
		lower := bytes.ToLower(content)
		for _, s := range secrets {
			if i := bytes.Index(lower, []byte(strings.ToLower(s))); i >= 0 {
				t.Errorf("%s: %q in …%q…", place, s, content[max(0, i-80):min(len(content), i+80)])
			}
		}
	}
}
