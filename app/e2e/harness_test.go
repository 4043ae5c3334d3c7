//go:build !noembed

// Package e2e runs the whole of usher as operators do: one process with its
// servers, a file dropped, a mail read. What must survive a kill is killed: the
// child is this test binary, and it ends itself with SIGKILL at a named point or
// is ended at a random moment.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/app"
	"usher/app/embedded"
	"usher/event"
	"usher/notify"
)

// TestMain is the child's main when the environment holds a configuration.
func TestMain(m *testing.M) {
	if os.Getenv("USHER_E2E_LEASH") != "" {
		go leash()
	}
	if conf := os.Getenv("USHER_E2E_NATS"); conf != "" {
		os.Exit(natsNode(conf))
	}
	if spec := os.Getenv("USHER_E2E_TEMPORAL"); spec != "" {
		os.Exit(temporalChild(spec))
	}
	if dir := os.Getenv("USHER_E2E_NAIVE"); dir != "" {
		os.Exit(naiveMain(dir))
	}
	if cfg := os.Getenv("USHER_E2E_CHILD"); cfg != "" {
		os.Exit(child(cfg))
	}
	os.Exit(m.Run())
}

func child(cfg string) int {
	var c app.Config
	if err := json.Unmarshal([]byte(cfg), &c); err != nil {
		panic(err)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := app.Run(ctx, c, app.Env{
		Up: os.Getenv("USHER_E2E_ROLE") == "", Out: io.Discard, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		Fault: killAt(os.Getenv("USHER_E2E_FAULT")),
		Embed: func(ctx context.Context, e app.EmbedConfig) (app.Embedded, error) {
			s, err := embedded.Start(ctx, embedded.Config(e))
			if err != nil {
				return nil, err
			}
			return s, nil
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "usher:", err)
		return 1
	}
	return 0
}

// killAt kills this process when it reaches the point for the nth time.
func killAt(spec string) event.Fault {
	point, nth, _ := strings.Cut(spec, ":")
	n, _ := strconv.ParseInt(nth, 10, 64)
	if point == "" {
		return nil
	}
	var count atomic.Int64
	return func(p string) {
		if p == point && count.Add(1) == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

// usher is one data folder and the process that serves it, if one does.
type usher struct {
	testing.TB
	config app.Config
	dir    string
	binary string // that is run
	cmd    *exec.Cmd
	exited chan error
	addr   app.Addresses
	log    *os.File
}

func newUsher(t testing.TB) *usher {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	u := &usher{TB: t, dir: dir, log: log, binary: os.Args[0]}
	const anyPort = "127.0.0.1:0"
	u.config = app.Config{
		Base:     app.Base{Data: dir, OpsAddr: anyPort, LogLevel: "debug", LogFormat: "text"},
		External: app.External{TemporalAccess: app.TemporalAccess{TemporalNamespace: "default"}, Replicas: 1},
		Servers:  app.Servers{NATSAddr: anyPort, TemporalAddr: anyPort, TemporalUIAddr: anyPort, Catching: app.Catching{CatcherSMTPAddr: anyPort, CatcherHTTPAddr: anyPort}, MaxStore: 256 << 20, Retention: 24 * time.Hour},
		Delivery: app.Delivery{SMTPTLS: "none", MailFrom: "Welcome <welcome@usher.example>", SMSAccount: "ACusher", SMSFrom: "+15005550006", OnUnknown: "resend"},
		Web:      app.Web{ConsoleAddr: anyPort, ConsolePassword: "a password for this test"},
		Limits:   app.DefaultLimits(), Roles: app.AllRoles,
	}
	u.config.AckWait, u.config.Heartbeat, u.config.RetryFirst = 2*time.Second, time.Second, 200*time.Millisecond
	t.Cleanup(func() {
		u.kill()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("the end of the log:\n%s", b[max(0, len(b)-6000):])
			if keep := os.Getenv("USHER_E2E_KEEP"); keep != "" { // to look at what became of whom
				t.Log(errors.Join(os.CopyFS(filepath.Join(keep, t.Name()), os.DirFS(dir)), os.WriteFile(filepath.Join(keep, t.Name()+".log"), b, 0o640)))
			}
		}
	})
	return u
}

// start runs the child and reports whether it became ready; a fault may end it
// before.
func (u *usher) start(fault string) bool {
	u.Helper()
	cfg, err := json.Marshal(u.config)
	if err != nil {
		u.Fatal(err)
	}
	u.cmd = exec.Command(u.binary)
	u.cmd.Env = append(os.Environ(), "USHER_E2E_CHILD="+string(cfg), "USHER_E2E_FAULT="+fault)
	u.cmd.Stdout, u.cmd.Stderr = u.log, u.log
	if err := u.cmd.Start(); err != nil {
		u.Fatal(err)
	}
	u.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(u.cmd, u.exited)
	deadline := time.After(60 * time.Second)
	for {
		a, err := app.FindRunning(u.dir)
		if err == nil && a.PID == u.cmd.Process.Pid {
			u.addr = a
			return true
		}
		select {
		case err := <-u.exited:
			u.exited <- err
			if !killed(err) {
				u.Fatalf("usher ended by itself: %v", err)
			}
			return false
		case <-deadline:
			u.Fatal("usher does not become ready")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func killed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// kill ends the child as a power cut of the process would.
func (u *usher) kill() {
	if u.cmd == nil {
		return
	}
	_ = u.cmd.Process.Kill()
	<-u.exited
	u.cmd = nil
}

// stop ends the child as an operator does, and returns how long it took.
func (u *usher) stop() time.Duration {
	u.Helper()
	began := time.Now()
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		u.Fatal(err)
	}
	if err := <-u.exited; err != nil {
		u.Errorf("after SIGTERM usher ended with %v, want exit code 0", err)
	}
	u.cmd = nil
	return time.Since(began)
}

// drop puts a file into the inbox by rename.
func (u *usher) drop(name, content string) {
	u.Helper()
	inbox := filepath.Join(u.dir, "inbox")
	if err := os.MkdirAll(inbox, 0o750); err != nil {
		u.Fatal(err)
	}
	tmp := filepath.Join(inbox, ".new-"+name)
	if err := os.WriteFile(tmp, []byte(content), 0o640); err != nil {
		u.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(inbox, name)); err != nil {
		u.Fatal(err)
	}
}

// list is a file with the users first to first+n-1.
func list(first, n int, note string) string {
	var b strings.Builder
	b.WriteString("user_id,name,email,phone,locale,note\n")
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&b, "u-%d,User %d,u%d@example.org,+4930%07d,%s,%s\n", i, i, i, i, []string{"en", "de"}[i%2], note)
	}
	return b.String()
}

// client connects to the running child.
func (u *usher) client() (*app.Client, error) {
	access := u.config.NATSAccess
	access.NATSURL = "nats://" + u.addr.NATS
	return app.Dial(context.Background(), u.dir, access)
}

// decide publishes a decision; the same id again is the same event.
func (u *usher) decide(verb string, users ...string) error {
	c, err := u.client()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, id := range users {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := c.Publisher.Verification(ctx, "crm", verb, "decision-"+id, event.VerificationBody{UserID: id, Reason: "test"})
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// status reads PEOPLE.
func (u *usher) status(id string) (event.Person, error) {
	c, err := u.client()
	if err != nil {
		return event.Person{}, err
	}
	defer c.Close()
	p, _, err := c.People.Get(context.Background(), id)
	return p, err
}

// waitFinal waits until every user has a final status, and returns all records.
func (u *usher) waitFinal(within time.Duration, users ...string) map[string]event.Person {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	deadline := time.Now().Add(within)
	out := map[string]event.Person{}
	for {
		missing := ""
		for _, id := range users {
			if out[id].Status.Final() {
				continue
			}
			p, ok, err := c.People.Get(context.Background(), id)
			if err != nil {
				u.Fatal(err)
			}
			if out[id] = p; !ok || !p.Status.Final() {
				missing = fmt.Sprintf("%s is %q", id, p.Status)
				break
			}
		}
		if missing == "" {
			return out
		}
		if time.Now().After(deadline) {
			u.Fatalf("not everybody came to an end within %s: %s", within, missing)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// caught counts what the catcher holds, by address.
func (u *usher) caught() (mails, texts map[string]int) {
	u.Helper()
	mails, texts = map[string]int{}, map[string]int{}
	var m struct {
		Total    int
		Messages []struct{ To []struct{ Address string } }
	}
	for start := 0; start == 0 || start < m.Total; start += 1000 {
		u.get(fmt.Sprintf("http://%s/api/v1/messages?limit=1000&start=%d", u.addr.CatcherHTTP, start), &m)
		for _, x := range m.Messages {
			mails[x.To[0].Address]++
		}
	}
	next := "/2010-04-01/Accounts/AC/Messages.json?PageSize=1000"
	for next != "" {
		var s struct {
			Messages []struct{ To string }
			Next     string `json:"next_page_uri"`
		}
		u.get("http://"+u.addr.CatcherHTTP+next, &s)
		for _, x := range s.Messages {
			texts[x.To]++
		}
		next = s.Next
	}
	return mails, texts
}

func (u *usher) get(url string, into any) {
	u.Helper()
	r, err := http.Get(url)
	if err != nil {
		u.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		u.Fatal(err)
	}
	if s, ok := into.(*string); ok {
		*s = string(b)
		return
	}
	if err := json.Unmarshal(b, into); err != nil {
		u.Fatalf("%s: %v\n%s", url, err, b)
	}
}

// eachOnce checks that every user has one e-mail and one text message, and more
// only as far as the ledger itself counts copies.
func (u *usher) eachOnce(people map[string]event.Person) {
	u.Helper()
	if held := u.eachOnceOrHeld(people); held > 0 {
		u.Errorf("%d messages are held for a person", held)
	}
}

// eachOnceOrHeld is eachOnce where a process is killed many times: a message whose
// every try was cut off is held in the end, and the user's status must say so. It
// returns how many are.
func (u *usher) eachOnceOrHeld(people map[string]event.Person) (held int) {
	u.Helper()
	mails, texts := u.caught()
	copies := 0
	for id, p := range people {
		n, err := strconv.Atoi(strings.TrimPrefix(id, "u-"))
		if err != nil {
			u.Fatal(err)
		}
		accepted := 0
		for channel, got := range map[string]int{
			event.ChannelEmail: mails[fmt.Sprintf("u%d@example.org", n)], event.ChannelSMS: texts[fmt.Sprintf("+4930%07d", n)],
		} {
			entry := p.Sends[event.SendKey(1, event.PurposeWelcome, channel, 1)]
			least := 1
			switch {
			case entry.State == event.SendAccepted:
				accepted++
			case entry.State == event.SendUnknown && entry.Copies == notify.MaxCopies:
				least = 0
				held++
			default:
				u.Errorf("the message to %s by %s is %s", id, channel, entry.State)
			}
			if got < least || got > 1+entry.Copies {
				u.Errorf("%s has %d messages by %s, the ledger says %s with %d copies", id, got, channel, entry.State, entry.Copies)
			}
			copies += max(0, got-1)
		}
		if want := []event.Status{event.StatusUnreached, event.StatusPartlyWelcomed, event.StatusWelcomed}[accepted]; p.Status != want {
			u.Errorf("%s is %s, want %s", id, p.Status, want)
		}
	}
	u.Logf("%d users, %d copies after unknown outcomes, %d messages held", len(people), copies, held)
	return held
}

func ids(first, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("u-%d", first+i)
	}
	return out
}
