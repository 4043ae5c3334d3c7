//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/app"
	"usher/event"
	"usher/event/promises"
	"usher/streams"
)

// load is what people do to usher while servers come and go: lists are dropped
// into two inboxes, and each user has a script of decisions and orders, which come
// from an upstream system, the command line and the console. What does not reach
// its server is sent again as the same event until it does.
type load struct {
	*testing.T
	urls    string // of NATS
	console string
	inboxes map[string]string // folder by source
	people  *streams.People
	crm     *nats.Conn
	pace    time.Duration // from one user to the next

	wg   sync.WaitGroup
	stop chan struct{}

	mu      sync.Mutex
	events  []promises.Event
	users   []string
	at      map[string]string // what the scripts that have not ended are at, by user
	rows    int               // in lists
	files   int
	again   map[string]int           // tries that failed, by way and error
	slowest map[string]time.Duration // from the first try to the answer, by way
}

// kinds of users, by their number: what is said about them in turn, by whom, and
// what must be true before. Each script leads to a final status.
var scripts = [][]string{
	{"console rejected"},
	{"crm approved"}, // before the user comes
	{"crm approved, once both records are answered"},
	{"crm approved", "cli rejected"},
	{"crm approved", "cli resend, once welcomed"},
	{"crm approved", "cli withdrawn, once welcomed"},
	{"cli rejected", "cli reopened, once rejected", "crm approved, once waiting"},
	{"cli withdrawn", "crm approved"},
	{"cli approved", "cli withdrawn, once welcomed", "cli reopened, once withdrawn", "console approved, once waiting"},
	{"console approved"},
	{"console approved"},
	{"cli approved"},
	{"cli approved"},
	{"crm approved"},
	{"crm approved"},
	{"crm approved"},
}

// Users of these kinds are in a list of their own, which comes after the others of
// their batch.
const (
	early = 1 // so that the decision is there before them
	fixed = 2 // once more, with another address
)

// batch is how many users a list has.
const batch = 10

// run brings users until it is told to stop, one after the other, and returns when
// the last script has ended. Lists go to the inboxes in turn.
func (l *load) run(ctx context.Context) {
	defer l.wg.Wait()
	t := time.NewTicker(l.pace)
	defer t.Stop()
	var source string
	var late, fixes []string // lists that come after the users' decisions, or after their first list
	for first, over := 0, false; !over; first += batch {
		l.list(source, "late", late)
		l.list(source, "fixes", fixes)
		source, late, fixes = []string{event.SourceInbox, sourceHR}[first/batch%2], nil, nil
		var rows []string
		for n := first; n < first+batch; n++ {
			switch n % len(scripts) {
			case early:
				late = append(late, row(n, "u"))
			case fixed:
				fixes = append(fixes, row(n, "new"))
				fallthrough
			default:
				rows = append(rows, row(n, "u"))
			}
		}
		l.list(source, "users", rows)
		for n := first; n < first+batch; n++ {
			l.wg.Go(func() { l.play(ctx, n) })
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-l.stop:
			over = true
		default:
		}
	}
	l.list(source, "late", late)
	l.list(source, "fixes", fixes)
}

const (
	sourceHR  = "hr"
	sourceCRM = "crm"
)

// row is a user as a list has them.
func row(n int, name string) string {
	return fmt.Sprintf("%s,User %d,%s%d@example.org,+4930%07d,%s\n", userID(n), n, name, n, n, []string{"en", "de"}[n%2])
}

func userID(n int) string { return fmt.Sprintf("u-%d", n) }

// list drops rows into an inbox by rename; no rows, no list.
func (l *load) list(source, name string, rows []string) {
	if len(rows) == 0 {
		return
	}
	l.mu.Lock()
	l.files++
	file := fmt.Sprintf("%s-%d.csv", name, l.files)
	l.rows += len(rows)
	l.mu.Unlock()
	tmp := filepath.Join(l.inboxes[source], ".new-"+file)
	if err := os.WriteFile(tmp, []byte("user_id,name,email,phone,locale\n"+strings.Join(rows, "")), 0o640); err != nil {
		l.Error(err)
		return
	}
	if err := os.Rename(tmp, filepath.Join(l.inboxes[source], file)); err != nil {
		l.Error(err)
	}
}

// play goes through the script of one user.
func (l *load) play(ctx context.Context, n int) {
	user := userID(n)
	l.mu.Lock()
	l.users = append(l.users, user)
	l.mu.Unlock()
	for k, act := range scripts[n%len(scripts)] {
		l.now(user, act)
		what, once, _ := strings.Cut(act, ", once ")
		if once != "" && !l.until(ctx, "reading", func(ctx context.Context) error { return l.holds(ctx, user, once) }) {
			return
		}
		source, verb, _ := strings.Cut(what, " ")
		e := promises.Event{Identity: event.Identity{Source: source, ID: fmt.Sprintf("%s-%s-%d", verb, user, k)}, UserID: user, Verb: verb}
		say := map[string]func(context.Context, *promises.Event) error{sourceCRM: l.byCRM, event.SourceCLI: l.byCLI, event.SourceConsole: l.byConsole}[source]
		if !l.until(ctx, source, func(ctx context.Context) error { return say(ctx, &e) }) {
			return
		}
		l.mu.Lock()
		l.events = append(l.events, e)
		l.mu.Unlock()
	}
	l.now(user, "")
}

// holds is nil when PEOPLE has the user in a status and nothing is outstanding, or
// when the console's timeline tells what became of two records.
func (l *load) holds(ctx context.Context, user, what string) error {
	if what == "both records are answered" {
		p, err := l.person(ctx, user)
		records := map[string]bool{}
		for _, f := range p.Timeline {
			if f.Answers == event.AnswersUser {
				records[f.EventID] = true
			}
		}
		if err == nil && len(records) < 2 {
			err = errNotYet
		}
		return err
	}
	p, _, err := l.people.Get(ctx, user)
	if err == nil && (string(p.Status) != what || p.Order != nil) {
		err = errNotYet
	}
	return err
}

// now says what a user's script is at, "" when it has ended.
func (l *load) now(user, act string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at[user] = act; act == "" {
		delete(l.at, user)
	}
}

// person is a user as the console's API tells of them.
type person struct {
	Status     event.Status
	Generation int
	Timeline   []event.Fact
	Messages   []event.Message
}

func (l *load) person(ctx context.Context, user string) (p person, err error) {
	code, err := l.ask(ctx, http.MethodGet, "/api/v1/users/"+user, "", "", &p)
	switch {
	case err == nil && code == http.StatusNotFound:
		err = errNotYet
	case err == nil && code != http.StatusOK:
		err = fmt.Errorf("the console answers %d", code)
	}
	return p, err
}

// errNotYet says that there was an answer, and that it is too early.
var errNotYet = errors.New("not yet")

// until tries until it works, and keeps in mind what did not.
func (l *load) until(ctx context.Context, what string, do func(context.Context) error) bool {
	began := time.Now()
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := do(try)
		cancel()
		l.mu.Lock()
		switch {
		case err == nil:
			l.slowest[what] = max(l.slowest[what], time.Since(began))
		case errors.Is(err, errNotYet):
			began = time.Now()
		case ctx.Err() == nil:
			l.again[what+": "+kind(err.Error())]++
		}
		l.mu.Unlock()
		if err == nil {
			return true
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
}

// byCRM says it as an upstream system in an account of its own, and waits until
// JetStream has it.
func (l *load) byCRM(ctx context.Context, e *promises.Event) error {
	m := nats.NewMsg(event.VerificationSubject(e.Source, e.Verb))
	m.Header.Set(event.HeaderMsgID, e.ID)
	m.Data = fmt.Appendf(nil, `{"user_id":%q}`, e.UserID)
	r, err := l.crm.RequestMsgWithContext(ctx, m)
	if err != nil {
		return err
	}
	var ack struct {
		Seq   uint64
		Error struct{ Description string }
	}
	if err := json.Unmarshal(r.Data, &ack); err != nil {
		return err
	}
	if ack.Seq == 0 {
		return errors.New(ack.Error.Description)
	}
	return nil
}

// byCLI says it as a command of usher does, on a connection of its own.
func (l *load) byCLI(ctx context.Context, e *promises.Event) error {
	c, err := app.Dial(ctx, "", app.NATSAccess{NATSURL: l.urls, NATSUser: "cli", NATSPassword: password + "cli"})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Publisher.Verification(ctx, e.Source, e.Verb, e.ID, event.VerificationBody{UserID: e.UserID, Reason: "test"})
}

// byConsole says it as a program does on the console's API, and takes the answer.
func (l *load) byConsole(ctx context.Context, e *promises.Event) error {
	body := fmt.Sprintf(`{"decision":%q,"reason":"test"}`, e.Verb)
	var a struct {
		EventID string `json:"event_id"`
		Result  string
		Error   string
	}
	code, err := l.ask(ctx, http.MethodPost, "/api/v1/users/"+e.UserID+"/decision", body, e.ID, &a)
	switch {
	case err != nil:
		return err
	case code == http.StatusNotFound: // it has not heard of the user
		return errNotYet
	case code == http.StatusOK && a.Result == "applied":
		e.Told = event.EffectApplied
	case code == http.StatusConflict && a.Result == "late":
		e.Told = event.EffectLate
	case code == http.StatusAccepted:
	default:
		return fmt.Errorf("%d %s", code, a.Error)
	}
	e.ID = a.EventID
	return nil
}

// ask is a request to the console's API.
func (l *load) ask(ctx context.Context, method, path, body, key string, into any) (code int, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+l.console+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.SetBasicAuth("admin", consolePassword)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return answer.StatusCode, nil
	}
	return answer.StatusCode, json.NewDecoder(answer.Body).Decode(into)
}

const consolePassword = "a password for this test"
