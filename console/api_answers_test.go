package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/console/bulk"
	"usher/console/logins"
	"usher/event"
)

// asked asks a real console, and notes which of the documented answers were given.
type asked struct {
	*rig
	*contract
	given map[string]bool // "GET /path 404 code", "GET /path 200"
}

// call sends a request in the name of an account, "" for none, and holds the answer to
// the document.
func (a *asked) call(user, method, path, body string, header ...string) (status int, answer string) {
	a.Helper()
	req, err := http.NewRequest(method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, answer := answerOf(a.T, http.DefaultClient, req)
	t, ok := a.find(method, req.URL.EscapedPath())
	if !ok {
		a.Fatalf("%s %s is in no document", method, path)
	}
	if err := a.check(t, resp, answer); err != nil {
		a.Error(err)
	}
	was := fmt.Sprintf("%s %s %d", method, t.path, resp.StatusCode)
	if resp.Header.Get("Content-Type") == problemType {
		var p Problem
		if err := json.Unmarshal([]byte(answer), &p); err != nil {
			a.Error(err)
		}
		was += " " + p.Code
	}
	a.given[was] = true
	return resp.StatusCode, answer
}

// id is the id in an answer.
func id(answer string) string {
	var made struct{ ID string }
	_ = json.Unmarshal([]byte(answer), &made) // the next request says that there is none
	return made.ID
}

// Each answer that the document has is given by a real console, and is as it says.
func TestAnswersAreWhatTheDocumentSays(t *testing.T) {
	r := newRig(t)
	at := time.Now().UTC()
	p := event.NewPerson("inbox", event.Opened{Seq: 1, Stored: at})
	p.Sends = map[string]event.Send{event.SendKey(1, event.PurposeWelcome, "sms", 1): {State: event.SendFailed, Date: at, At: at, Tries: []event.Try{{At: at, Provider: "twilio", Result: "retry", Reason: "rate_limited", Next: &at}}}}
	p.Trouble = &event.Trouble{Target: "scim", Reason: "config", Tries: 2, At: at}
	r.change = func(c *Config) { c.UndoWindow, c.Ledger = time.Hour, &ledger{person: p} }
	r.run()
	a := &asked{r, theContract(t), map[string]bool{}}
	a.decisions()
	a.lists()
	a.operations()
	a.imports()
	a.missedMessages()
	a.deadLetters()
	a.refused()

	for address, o := range operations {
		method, path, _ := strings.Cut(address, " ")
		for status := range o.answers {
			if want := fmt.Sprintf("%s %d", address, status); !a.given[want] {
				t.Errorf("no test has it answer %s", want)
			}
		}
		route, _ := a.find(method, placeholder.ReplaceAllString(path, "x"))
		for status, codes := range o.refusals(route) {
			for _, c := range codes {
				if want := fmt.Sprintf("%s %d %s", address, status, c); !a.given[want] {
					t.Errorf("no test has it answer %s", want)
				}
			}
		}
	}
}

const noOne = "/api/v1/users/no-one"

func (a *asked) decisions() {
	a.await("u-1")
	a.await("u-2")
	a.call("admin", "POST", "/api/v1/users/u-1/decision", approve)
	a.playWorkflows(a.Context())
	for i, body := range []string{approve, `{"decision":"rejected","reason":"r","note":"n"}`} {
		want := []int{http.StatusOK, http.StatusConflict}[i]
		key := event.NewID()
		a.eventually("it is answered: "+body, func() bool {
			status, _ := a.call("admin", "POST", "/api/v1/users/u-2/decision", body, "Idempotency-Key", key)
			return status == want
		})
	}
	a.call("admin", "POST", noOne+"/decision", approve)
	a.call("admin", "POST", "/api/v1/users/u-2/decision", approve, "Idempotency-Key", "k")
	a.call("admin", "POST", "/api/v1/users/u-1/decision", approve, "Idempotency-Key", "k")
	a.unread(keyedID("busy", "admin", "decision"))
	a.call("admin", "POST", "/api/v1/users/u-2/decision", approve, "Idempotency-Key", "busy")
	a.call("admin", "POST", "/api/v1/users/u-2/decision", "{}")
	a.call("admin", "POST", "/api/v1/users/u-2/decision", "nonsense")
	a.call("admin", "POST", "/api/v1/users/u-2/decision", strings.Repeat(" ", smallBody+1))
}

// unread is an event of which JetStream has the id, and the read model nothing.
func (a *asked) unread(id string) {
	a.Helper()
	if _, err := a.js.Publish(a.Context(), event.VerificationSubject(event.SourceConsole, event.VerbApproved), []byte("{}"), jetstream.WithMsgID(id)); err != nil {
		a.Fatal(err)
	}
}

func (a *asked) lists() {
	a.login("ann", logins.Viewer)
	a.call("", "GET", documentPath, "")
	for _, path := range []string{"", "?q=ann&status=approved", "?age=2d", "?cursor=x"} {
		a.call("admin", "GET", "/api/v1/users"+path, "")
	}
	for _, path := range []string{"", "/data"} {
		for _, query := range []string{"?format=jsonl", "?age=2d", "?since=yesterday", "?format=xlsx"} {
			a.call("admin", "GET", "/api/v1/export"+path+query, "")
		}
	}
	a.call("ann", "GET", "/api/v1/users?sort=name", "")
	a.call("ann", "GET", "/api/v1/users/u-2", "")
	a.call("admin", "GET", noOne, "")
	a.call("ann", "POST", "/api/v1/users/u-2/reveal", "")
	a.call("ann", "POST", noOne+"/reveal", "")
}

// people puts so many people into the read model, and nowhere else.
func (a *asked) people(imported string, n int) {
	a.Helper()
	a.write(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?)
		INSERT INTO people (user_id, `+recordColumns+`, `+standingColumns+`)
		SELECT ? || i, 'inbox', '', '', '', '', '', '', '{}', '', ?, 0, '', '', '', 1, 1, 'waiting', i, '', -1, -1, '', '' FROM c`, n, imported+"-", imported)
}

// write changes the read model beside the streams.
func (a *asked) write(query string, args ...any) {
	a.Helper()
	if err := a.console.model.transaction(a.Context(), func(tx *writing) error {
		_, err := tx.Exec(query, args...)
		return err
	}); err != nil {
		a.Fatal(err)
	}
}

func (a *asked) operations() {
	const begin, dry = "/api/v1/bulk", `{"import":"some","dry_run":true}`
	decide := func(more string) string { return `{"decision":"approved",` + more + `}` }
	a.people("some", 3)
	a.call("admin", "GET", begin, "")
	a.call("admin", "POST", begin, dry)
	a.call("admin", "POST", begin, `{"age":"2d"}`)
	a.call("admin", "POST", begin, decide(`"dry_run":false`))
	a.call("admin", "POST", begin, `{"import":"some"}`)
	a.call("admin", "POST", begin, decide(`"import":"some","expect":4`))
	a.call("admin", "POST", begin, "nonsense")
	a.call("admin", "POST", begin, strings.Repeat(" ", largeBody+1))
	_, one := a.call("admin", "POST", begin, decide(`"import":"some"`))
	_, other := a.call("admin", "POST", begin, decide(`"user_ids":["some-1"]`))
	a.call("admin", "POST", begin, decide(`"user_ids":["some-2"]`), "Idempotency-Key", "k")
	a.call("admin", "POST", begin, decide(`"user_ids":["some-3"]`), "Idempotency-Key", "k")
	kv, err := a.js.KeyValue(a.Context(), event.BucketConsole)
	if err == nil { // another console has begun to store it
		_, err = kv.Put(a.Context(), "bulk."+keyedID("busy", "admin", "bulk")+".0", []byte("[]"))
	}
	if err != nil {
		a.Fatal(err)
	}
	a.call("admin", "POST", begin, decide(`"user_ids":["some-2"]`), "Idempotency-Key", "busy")
	_, third := a.call("admin", "POST", begin, decide(`"user_ids":["u-1"]`))
	for _, made := range []string{one, other, third} {
		at := begin + "/" + id(made)
		a.eventually("the read model has "+at, func() bool { return a.api("GET", at+"/users", "", nil) == 200 && a.api("GET", at, "", nil) == 200 })
		a.call("admin", "GET", at, "")
		a.call("admin", "GET", at+"/users?result=none", "")
	}
	a.call("admin", "GET", begin, "")
	a.call("admin", "GET", begin+"/"+id(one)+"/users?from=x", "")
	a.call("admin", "POST", begin+"/"+id(one)+"/undo", "")
	a.call("admin", "POST", begin+"/"+id(one)+"/cancel", "")
	a.call("admin", "POST", begin+"/"+id(other)+"/cancel", "")
	a.call("admin", "POST", begin+"/"+id(other)+"/undo", "")
	if _, _, err := a.console.bulks.store.Change(a.Context(), id(third), func(o *bulk.Operation) error {
		o.State, o.Holder = bulk.Running, "another" // console, which is not done with it yet
		return nil
	}); err != nil {
		a.Fatal(err)
	}
	a.call("admin", "POST", begin+"/"+id(third)+"/undo", "")
	for _, x := range []string{"GET ", "GET /users", "POST /cancel", "POST /undo"} {
		method, end, _ := strings.Cut(x, " ")
		a.call("admin", method, begin+"/"+event.NewID()+end, "")
	}
	a.people("most", bulk.Most+1)
	a.call("admin", "POST", begin, decide(`"import":"most"`))
	a.write(`DELETE FROM people WHERE user_id = 'most-1'`)
	a.call("admin", "POST", begin, decide(`"import":"most"`)) // KV_CONSOLE of a test has no room for so many
	a.write(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?) INSERT INTO bulks SELECT 'open-' || i, ?, 'waiting', 0, ?, '{}' FROM c`, mostOpen, time.Now().UnixMicro(), time.Now().UnixMicro())
	a.call("admin", "POST", begin, decide(`"import":"some"`))
	a.write(`DELETE FROM bulks WHERE id LIKE 'open-%'`)
}

func (a *asked) imports() {
	at := time.Now().UTC()
	for id, state := range map[string]string{"i-1": event.ImportHeld, "i-2": event.ImportArchived, "i-3": event.ImportHeld} {
		a.publish(event.ProgressSubject("inbox", id), event.Progress{Import: id, File: "a.csv", Source: "inbox", State: state, Digest: "d", Errors: map[string]int{"E_QUOTE": 1}, StartedAt: at, At: at})
	}
	a.eventually("the imports are there", func() bool {
		all, err := a.console.model.imports(a.Context(), 10)
		return err == nil && len(all) == 3
	})
	a.call("admin", "GET", "/api/v1/imports", "")
	for path, body := range map[string]string{"i-1": "{}", "i-2": "{}", "i-3": `{"sha256":"other"}`, "none": "{}"} {
		a.call("admin", "POST", "/api/v1/imports/"+path+"/release", body)
	}
	a.call("admin", "POST", "/api/v1/imports/i-1/release", "nonsense")
	a.call("admin", "POST", "/api/v1/imports/i-1/release", strings.Repeat(" ", smallBody+1))
}

func (a *asked) missedMessages() {
	a.call("admin", "GET", "/api/v1/stuck", "")
	a.missed("u-8", "inbox", "sms", "refused")
	a.missed("u-9", "inbox", "sms", event.ReasonUnknown)
	for path, id := range map[string]string{"/api/v1/failed": "u-8", "/api/v1/unknown": "u-9"} {
		a.eventually(id+" is listed", func() bool { return a.inList(path) == 1 })
		for _, query := range []string{"", "?age=2d", "?cursor=x"} {
			a.call("admin", "GET", path+query, "")
		}
		of := func(id string) string {
			return fmt.Sprintf(`{"do":"resend","messages":[{"user_id":%q,"message":"1.welcome.sms.1"}]}`, id)
		}
		for _, body := range []string{of(id), of("no-one"), `{"do":"purge"}`, "nonsense", strings.Repeat(" ", missedBody+1)} {
			a.call("admin", "POST", path, body, "Idempotency-Key", map[bool]string{true: path, false: event.NewID()}[body == of(id)])
		}
		a.call("admin", "POST", path, of("u-1"), "Idempotency-Key", path)
	}
}

func (a *asked) deadLetters() {
	const at, both = "/api/v1/deadletters", `{"do":"drop","deadletters":[1,2]}`
	for seq := range uint64(2) {
		a.deadLetter(seq+1, "verifications.v1.crm.approved", "{}")
	}
	a.eventually("two are listed", func() bool { return a.letters() == 2 })
	a.call("admin", "GET", at, "")
	a.call("admin", "GET", at+"?cursor=x", "")
	for _, body := range []string{both, `{"do":"drop","deadletters":[1]}`, `{"do":"drop","deadletters":[9]}`, `{"do":"purge"}`, "nonsense", strings.Repeat(" ", smallBody+1)} {
		key := map[bool]string{true: "k", false: event.NewID()}[strings.Contains(body, "[1")]
		a.call("admin", "POST", at, body, "Idempotency-Key", key)
	}
	for i := range 8 { // chores may fill half of what a test has
		if _, err := a.js.Publish(a.Context(), fmt.Sprint("$KV.CONTROL.filled.", i), make([]byte, 16<<10)); err != nil {
			a.Fatal(err)
		}
	}
	a.call("admin", "POST", at, `{"do":"drop","deadletters":[2]}`)
	again := map[string]string{}
	for path, id := range map[string]string{"/api/v1/failed": "u-8", "/api/v1/unknown": "u-9"} {
		again[path] = fmt.Sprintf(`{"do":"resend","messages":[{"user_id":%q,"message":"1.welcome.sms.1"}]}`, id)
		a.call("admin", "POST", path, again[path])
	}
	a.carryOut(event.ChoresOfBridge)
	a.eventually("it is over", func() bool {
		status, _ := a.call("admin", "POST", at, both, "Idempotency-Key", "k")
		return status == http.StatusOK
	})
	for path, body := range again {
		a.eventually("it is over: "+path, func() bool {
			status, _ := a.call("admin", "POST", path, body, "Idempotency-Key", path)
			return status == http.StatusOK
		})
	}
}

// refused asks every route as one who may not, as no one, as one who guesses, and while
// NATS has lost the accounts.
func (a *asked) refused() {
	every := func(user string, header ...string) {
		for _, r := range a.routes {
			if r.right != logins.Anyone {
				a.call(user, r.method, placeholder.ReplaceAllString(r.path, "u-1"), "{}", header...)
			}
		}
	}
	a.login("guest", logins.Viewer)
	every("guest")
	every("")
	wrong := []string{"Authorization", "Basic Z3Vlc3M6Z3Vlc3M="}
	for status := 0; status != http.StatusTooManyRequests; {
		status, _ = a.call("", "GET", "/api/v1/users", "", wrong...)
	}
	for _, r := range a.routes { // how long it lasts is a matter of time, and other answers take some
		for status := 0; r.right != logins.Anyone && status != http.StatusTooManyRequests; {
			status, _ = a.call("", r.method, placeholder.ReplaceAllString(r.path, "u-1"), "{}", wrong...)
		}
	}
	if err := a.js.DeleteStream(a.Context(), bulk.Stream); err != nil {
		a.Fatal(err)
	}
	every("admin")
}
