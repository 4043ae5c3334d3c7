package console

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// example is a block of docs/api.md that a shell runs, with the answer that the page
// shows behind it.
var example = regexp.MustCompile("(?s)```sh\n(.*?)```\n(?:\n```json\n(.*?)```\n)?")

// Every example of docs/api.md does what the page says, in its order: each is run, and
// its answer has what the page shows, but for values that differ each time.
func TestTheExamplesOfThePageAboutTheAPI(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is needed: apt-get install curl")
		}
		t.Skip("needs Debian's package curl")
	}
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.change = func(c *Config) { c.Answer = 15 * time.Second } // the page shows what is answered in time
	r.run()
	r.playWorkflows(t.Context())
	for _, id := range []string{"u-1001", "u-1002"} {
		r.publish(event.ImportedSubject("inbox"), event.User{UserID: id, Name: "Ann Quill", Email: id + "@example.org", Import: event.Import{ID: map[string]string{"u-1001": "imp-0", "u-1002": "imp-1"}[id], File: "a.csv", Line: 2}})
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		r.eventually(id+" waits", func() bool { return r.statusOf(id) == event.StatusWaiting })
	}
	token, err := r.console.login.store.AddToken(t.Context(), "nightly", logins.Verifier, nil, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	blocks := example.FindAllStringSubmatch(string(text), -1)
	if n := strings.Count(string(text), "```sh"); len(blocks) != n || n < 6 {
		t.Fatalf("%d of %d examples are run", len(blocks), n)
	}
	for _, b := range blocks {
		c := exec.CommandContext(t.Context(), "sh", "-eu", "-c", b[1])
		c.Env = append(os.Environ(), "USHER="+r.base, "TOKEN="+token, "NO_PROXY=*", "no_proxy=*")
		c.Dir = t.TempDir()
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", b[1], err, out)
			continue
		}
		if b[2] == "" {
			continue
		}
		var got, shown map[string]any
		if err := json.Unmarshal([]byte(b[2]), &shown); err != nil {
			t.Errorf("the page shows no JSON: %v\n%s", err, b[2])
			continue
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Errorf("%s: %v\n%s", b[1], err, out)
			continue
		}
		for name, want := range shown {
			v, ok := got[name]
			if s, text := want.(string); text && s != "" && !strings.HasPrefix(s, "2026-") && v != want {
				t.Errorf("%s: %s is %v, and the page says %v", b[1], name, v, want)
			}
			if n, number := want.(float64); number && v != n || !ok && !reflect.ValueOf(want).IsZero() && name != "messages" && name != "timeline" {
				t.Errorf("%s: %s is %v, and the page says %v\n%s", b[1], name, v, want, out)
			}
		}
	}
}

// The pages that tell of `via` name each way in which people sign in.
func TestDocsNameHowPeopleSignIn(t *testing.T) {
	for _, page := range []string{"api.md", "contract.md", "security.md"} {
		text, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, said, _ := strings.Cut(string(text), "`via`")
		said, _, _ = strings.Cut(said, ")")
		for _, way := range ways {
			if !strings.Contains(said, "`"+way+"`") {
				t.Errorf("%s says %q of via, without %s", page, said, way)
			}
		}
	}
}
