package cmd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"usher/app"
	"usher/event"
)

// Whom a decision about many means, only a console knows, with its read model. So the
// command asks one, which carries the operation out; the command looks on.

// consoleAccess says which console a command asks, and as whom.
type consoleAccess struct {
	ConsoleURL          string `name:"console-url" help:"The console; without it that of a running usher up." placeholder:"URL"`
	Token               string `help:"Token of its API." placeholder:"SECRET"`
	TokenFile           string `help:"File with that token." type:"path" placeholder:"FILE"`
	ConsoleUser         string `help:"Account there, when there is no token." default:"admin" placeholder:"NAME"`
	ConsolePassword     string `help:"Its password." placeholder:"SECRET"`
	ConsolePasswordFile string `help:"File with that password." type:"path" placeholder:"FILE"`
}

// deskClient calls the API of a console.
type deskClient struct {
	base           string
	token          string
	user, password string
	http           *http.Client
}

func (a consoleAccess) client(data string) (*deskClient, error) {
	c := &deskClient{user: a.ConsoleUser, http: &http.Client{Timeout: 30 * time.Second}}
	var err error
	if c.token, err = event.ReadSecret("--token", a.Token, "--token-file", a.TokenFile); err != nil {
		return nil, err
	}
	if c.password, err = event.ReadSecret("--console-password", a.ConsolePassword, "--console-password-file", a.ConsolePasswordFile); err != nil {
		return nil, err
	}
	if c.token == "" && c.password == "" {
		return nil, usageError("sign in at the console: give USHER_TOKEN, or USHER_CONSOLE_PASSWORD (or …_FILE) of the account of --console-user")
	}
	base := a.ConsoleURL
	if base == "" {
		at, err := app.FindRunning(data)
		if err != nil {
			return nil, fmt.Errorf("%w, or the console with --console-url", err)
		}
		base = at.Local()
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, usageError("--console-url: give an address such as https://usher.example")
	case u.Scheme == "http" && !event.Loopback(u.Hostname()):
		return nil, usageError("--console-url: the password would cross a network unencrypted; give an address with https")
	}
	c.base = strings.TrimSuffix(base, "/")
	return c, nil
}

// refusal is an answer of the console that says no.
type refusal struct {
	code int
	text string
}

func (r refusal) Error() string { return r.text }

// ask sends a request; the same key makes a repetition the same one.
func (c *deskClient) ask(ctx context.Context, method, path, key string, body, into any) error {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, send)
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	c.sign(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the console does not answer: %w", event.Innermost(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("the console's answer: %w", event.Innermost(err))
	}
	if resp.StatusCode >= 300 {
		return refused(resp, answer)
	}
	return json.Unmarshal(answer, into)
}

// sign says who asks.
func (c *deskClient) sign(req *http.Request) {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	} else {
		req.SetBasicAuth(c.user, c.password)
	}
}

// refused is an answer that says no, in the console's words.
func refused(resp *http.Response, answer []byte) refusal {
	var says struct{ Error string }
	_ = json.Unmarshal(answer, &says) // then the status says it
	if says.Error == "" {
		says.Error = resp.Status
	}
	return refusal{resp.StatusCode, "the console says: " + says.Error}
}

// many decides about all who match, and looks on to the end.
func (v verifyCmd) many(s *session, verb string) error {
	c, err := v.consoleAccess.client(v.Data)
	if err != nil {
		return err
	}
	want := map[string]any{"import": v.Import, "q": v.Query, "decision": verb, "reason": v.Reason, "dry_run": true}
	var dry struct {
		Matched  int
		ByInbox  map[string]int `json:"by_inbox"`
		ByImport map[string]int `json:"by_import"`
	}
	if err := c.ask(s.ctx, http.MethodPost, "/api/v1/bulk", "", want, &dry); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s: %s\n", people(dry.Matched), parts(dry.ByInbox, dry.ByImport))
	if v.DryRun || dry.Matched == 0 {
		return nil
	}
	want["dry_run"], want["expect"] = false, dry.Matched
	var made struct{ ID string }
	key := event.NewID()
	if err := again(s.ctx, v.Wait, func() error { return c.ask(s.ctx, http.MethodPost, "/api/v1/bulk", key, want, &made) }); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "operation %s: %s/bulk/%s\n", made.ID, c.base, made.ID)
	return c.follow(s, made.ID, v.Wait)
}

// again repeats what a console did not answer, for as long as the command waits.
func again(ctx context.Context, wait time.Duration, f func() error) error {
	for end := time.Now().Add(wait); ; {
		err := f()
		var no refusal
		if err == nil || errors.As(err, &no) && no.code < 500 || time.Now().After(end) || !event.Sleep(ctx, 300*time.Millisecond) {
			return err
		}
	}
}

// errResults means that not every decision of an operation has had a chance.
var errResults = errors.New("not all were decided about; the page of the operation says why")

// follow prints how an operation stands until it is over. The operation does not need
// the command.
func (c *deskClient) follow(s *session, id string, wait time.Duration) error {
	show := s.ticker()
	var last standing
	for {
		var now standing
		err := again(s.ctx, max(wait, time.Minute), func() error { return c.ask(s.ctx, http.MethodGet, "/api/v1/bulk/"+id, "", nil, &now) })
		if err != nil {
			show.done()
			if s.ctx.Err() != nil {
				return fmt.Errorf("the operation goes on without this command; to stop it, POST %s/api/v1/bulk/%s/cancel or press Cancel on its page", c.base, id)
			}
			return err
		}
		last = now
		show.show(standingLine(last))
		if over(last) {
			break
		}
		event.Sleep(s.ctx, 300*time.Millisecond)
	}
	show.done()
	fmt.Fprintln(s.stdout, standingLine(last))
	if last.State != stateDone || last.Failed > 0 {
		return errResults
	}
	return nil
}

// standing is how an operation stands, as the console's API says it.
type standing struct {
	State    string
	Decision string
	Trouble  string

	Matched, Sent, Applied, Half, Late, Failed int
}

const stateDone = "done"

// over tells whether an operation has all its results.
func over(b standing) bool {
	switch b.State {
	case stateDone, "undone":
		return true
	case "cancelled":
		return b.Applied+b.Half+b.Late+b.Failed >= b.Sent
	}
	return false
}

// standingLine is how an operation stands, in one line.
func standingLine(b standing) string {
	half := ""
	if b.Half > 0 {
		half = fmt.Sprintf(" %d need another person,", b.Half)
	}
	line := fmt.Sprintf("%s: %d of %s sent, %d %s,%s %d late, %d failed", b.State, b.Sent, people(b.Matched), b.Applied, b.Decision, half, b.Late, b.Failed)
	if b.Trouble != "" {
		line += ": " + b.Trouble
	}
	return line
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// mostParts is how many inboxes and imports are named.
const mostParts = 10

// parts says how many people are of each inbox and import.
func parts(byInbox, byImport map[string]int) string {
	list := func(what string, of map[string]int) string {
		names := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b)) })
		var out []string
		for _, n := range names[:min(len(names), mostParts)] {
			out = append(out, fmt.Sprintf("%s %d", cmp.Or(n, "none"), of[n]))
		}
		if more := len(names) - len(out); more > 0 {
			out = append(out, fmt.Sprintf("and %d more", more))
		}
		return what + " " + strings.Join(out, ", ")
	}
	if len(byInbox) == 0 {
		return "no one matches who is not decided yet"
	}
	return list("inbox", byInbox) + "; import " + strings.TrimPrefix(list("", byImport), " ")
}
