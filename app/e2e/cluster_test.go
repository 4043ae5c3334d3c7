//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.temporal.io/sdk/client"

	"usher/app"
	"usher/event"
	"usher/event/promises"
	"usher/report"
	"usher/streams"
)

// Three NATS nodes with the accounts that are shipped, Temporal, and each role in
// processes of its own. Under load the nodes are killed, frozen and restarted in
// turn, and two of three are away for a while. Then everything comes to rest, and
// every promise must have been kept. USHER_SOAK_CLUSTER=1 does all of it; without
// it one node is killed and one is frozen.
func TestCluster(t *testing.T) {
	whole := os.Getenv("USHER_SOAK_CLUSTER") != ""
	if testing.Short() && !whole {
		t.Skip("it takes half a minute; run it without -short")
	}
	c := startCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := c.load()
	loaded := make(chan struct{})
	go func() { defer close(loaded); l.run(ctx) }()
	t.Cleanup(func() { cancel(); <-loaded })
	c.spoil(l)
	if whole {
		c.step("nothing, for comparison", func() { c.arrives(50, time.Now()) })
	}
	kill := func(n *node) {
		c.step("kill -9 of "+c.named(n), func() {
			c.nodes.kill(n)
			c.ledByOthers(n)
			c.arrives(1, time.Now())
			c.nodes.start(n)
		})
	}
	freeze := func(n *node, atLeast time.Duration) {
		c.step("freeze of "+c.named(n), func() {
			thaw := time.After(atLeast) // the length is the point of this step
			c.freeze(n)
			c.ledByOthers(n)
			<-thaw
			c.thaw(n)
		})
	}
	if !whole {
		kill(c.leader(event.StreamUsers))
		freeze(c.leader(event.StreamUsers), 0)
	} else {
		for _, n := range c.all {
			kill(n)
		}
		for _, n := range c.all {
			freeze(n, 15*time.Second)
		}
		for _, n := range c.all {
			c.step("restart of "+c.named(n), func() { c.terminate(n); c.nodes.start(n) })
		}
		c.step("kill -9 of two for 20 s", func() {
			back := time.After(20 * time.Second) // the length is the point of this step
			c.nodes.kill(c.all[0])
			c.nodes.kill(c.all[2])
			<-back
			c.nodes.start(c.all[0])
			c.nodes.start(c.all[2])
		})
	}
	close(l.stop)
	c.ending = true
	c.step("the end of the load", func() {
		select {
		case <-loaded:
		case <-time.After(2 * time.Minute):
			t.Errorf("some scripts do not come to their end: %v", l.at)
			cancel()
			<-loaded
		}
		c.rest(l)
	})
	w := c.world(l, true)
	c.kept(w)
	c.filed(l)
	c.reconciled(len(w.Records))
	c.stop()
	c.report(l)
}

// cluster is everything that runs.
type cluster struct {
	*testing.T
	*nodes
	sink     *sink
	temporal string // its address
	roles    []*role
	logs     map[string]*os.File // of the servers
	inboxes  map[string]string
	ending   bool // no messages are to be expected any more
	logEnds  map[*role]int64
	example  map[string]string // a line of each kind that was logged
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{T: t, nodes: startNodes(t), sink: startSink(t), logEnds: map[*role]int64{}, example: map[string]string{}, logs: map[string]*os.File{}}
	t.Cleanup(func() {
		if t.Failed() {
			c.keepLogs()
		}
	})
	const idKey = "the key of this test, long enough"
	admin := app.NATSAccess{NATSURL: c.url(), NATSUser: "admin", NATSPassword: password + "admin"}
	setup, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := app.Setup{NATSAccess: admin, Intake: app.Intake{IDKey: idKey}, MaxStore: 2 << 30, Replicas: 3, Tell: func(line string) { t.Log(line) }, Log: slog.New(slog.DiscardHandler)}
	if err := s.Run(setup); err != nil {
		t.Fatalf("usher setup: %v", err)
	}
	var log *os.File
	c.temporal, log = startTemporal(t)
	c.logs["temporal"] = log
	keys := t.TempDir()
	config := app.Config{
		Base:     app.Base{LogLevel: "info", LogFormat: "text"},
		External: app.External{NATSAccess: admin, TemporalAccess: app.TemporalAccess{TemporalAddress: c.temporal, TemporalNamespace: "default"}, PayloadKeyFile: sharedKey(t, keys), Replicas: 3},
		Intake:   app.Intake{IDKey: idKey, Inboxes: app.Inboxes{Inbox: map[string]string{sourceHR: t.TempDir()}}},
		Delivery: app.Delivery{SMTPAddr: c.sink.mailAddr, SMTPTLS: "none", MailFrom: "Welcome <welcome@usher.example>", SMSURL: c.sink.textURL, SMSAccount: "ACusher", SMSFrom: "+15005550006", OnUnknown: "resend", MaxPause: 5 * time.Second},
		Reports:  app.Reports{ReconcileEvery: time.Minute},
		Web:      app.Web{ConsoleAddr: quietPort(t), ConsolePassword: consolePassword},
		Limits:   app.DefaultLimits(),
	}
	for _, r := range []struct {
		name, user string
		roles      app.Roles
	}{
		{"watch", "watch", app.Roles{Watch: true}}, {"bridge 1", "bridge", app.Roles{Bridge: true}}, {"bridge 2", "bridge", app.Roles{Bridge: true}},
		{"worker 1", "worker", app.Roles{Worker: true}}, {"worker 2", "worker", app.Roles{Worker: true}}, {"console", "console", app.Roles{Console: true}},
	} {
		one := config
		one.Roles, one.NATSUser, one.NATSPassword = r.roles, r.user, password+r.user
		c.roles = append(c.roles, startRole(t, r.name, one))
	}
	c.inboxes = map[string]string{event.SourceInbox: filepath.Join(c.roles[0].config.Data, "inbox"), sourceHR: config.Inbox[sourceHR]}
	for _, r := range c.roles {
		eventually(t, time.Minute, r.name+" is ready", func() error {
			if says := r.says(); says != "ok" {
				return fmt.Errorf("it says %s", says)
			}
			return nil
		})
	}
	return c
}

// load makes the load: for the whole test it goes on as long as the steps do.
func (c *cluster) load() *load {
	c.Helper()
	l := &load{
		T: c.T, urls: c.url(), console: c.roles[0].config.ConsoleAddr, inboxes: c.inboxes, people: c.people(), pace: 400 * time.Millisecond,
		stop: make(chan struct{}), at: map[string]string{}, again: map[string]int{}, slowest: map[string]time.Duration{},
	}
	var err error
	l.crm, err = nats.Connect(c.url(), nats.UserInfo("crm", password+"crm"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(l.crm.Close)
	for _, dir := range l.inboxes {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			c.Fatal(err)
		}
	}
	return l
}

// spoil sends what cannot be used: a decision that cannot be read, a user of
// another inbox, and a row without an address.
func (c *cluster) spoil(l *load) {
	c.Helper()
	c.eventually(time.Minute, "the first user is known", func() error {
		p, _, err := l.people.Get(c.Context(), userID(0))
		if err == nil && p.Source != event.SourceInbox {
			err = errNotYet
		}
		return err
	})
	l.list(sourceHR, "spoiled", []string{row(0, "other"), "u-bad,Nobody,,,en\n"})
	if _, err := l.crm.RequestWithContext(c.Context(), event.VerificationSubject(sourceCRM, event.VerbApproved), []byte("poison")); err != nil {
		c.Fatal(err)
	}
}

// deserved are the dead letters of spoil.
var deserved = map[string]int{event.ReasonMalformed: 1, event.ReasonConflict: 1}

func (c *cluster) leader(stream string) *node {
	c.Helper()
	for _, n := range c.all {
		if slices.Contains(c.led(n), stream) {
			return n
		}
	}
	c.Fatalf("%s has no leader", stream)
	return nil
}

// named is a node with what it leads.
func (c *cluster) named(n *node) string {
	led := c.led(n)
	if len(led) == 0 {
		return n.name + " (leads nothing)"
	}
	return fmt.Sprintf("%s (leads %s)", n.name, strings.Join(led, ", "))
}

// arrives waits until so many messages came after a moment.
func (c *cluster) arrives(n int, after time.Time) {
	c.Helper()
	c.eventually(2*time.Minute, "messages go out again", func() error {
		if got := c.sink.since(after); got < n {
			return fmt.Errorf("%d of %d came; the roles say %s", got, n, c.say())
		}
		return nil
	})
}

func (c *cluster) say() string {
	var out []string
	for _, r := range c.roles {
		out = append(out, r.name+": "+r.says())
	}
	return strings.Join(out, "; ")
}

// step does something to the cluster, waits until that has what it had before and
// messages go out, and tells what was measured: how long the whole took, the longest
// time without a message, what /readyz said but ok, and what was logged, by kind.
func (c *cluster) step(name string, do func()) {
	c.Helper()
	from, trouble := time.Now(), map[string]int{}
	do()
	c.whole()
	if !c.ending {
		c.arrives(1, time.Now())
	}
	to, stall := time.Now(), time.Duration(0)
	if !c.ending {
		stall = c.sink.stall(from, to)
	}
	for _, r := range c.roles {
		c.logEnds[r] = r.trouble(c.logEnds[r], trouble, c.example)
	}
	c.Logf("%s: %.1f s, of which %.1f s without a message", name, to.Sub(from).Seconds(), stall.Seconds())
	for _, r := range c.roles {
		if said := r.saidBetween(from, to); said != "ok" {
			c.Logf("    /readyz of %s: %s", r.name, said)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(trouble)) {
		c.Logf("    %5d × %s", trouble[key], key)
	}
}

// rest waits until nothing is on its way any more. What never comes to rest is
// left for the promises to tell.
func (c *cluster) rest(l *load) {
	c.Helper()
	err := await(c.T, 3*time.Minute, func() error {
		for stream, consumer := range ours {
			if consumer == "" {
				continue
			}
			cons, err := c.js.Consumer(c.Context(), stream, consumer)
			if err != nil {
				return err
			}
			if i := cons.CachedInfo(); i.NumPending > 0 || i.NumAckPending > 0 {
				return fmt.Errorf("%s: %d wait and %d are in hand", consumer, i.NumPending, i.NumAckPending)
			}
		}
		return l.people.Each(c.Context(), func(user string, p event.Person) error {
			if !p.Status.Final() || p.Order != nil {
				return fmt.Errorf("%s is %s", user, p.Status)
			}
			return nil
		})
	})
	if err == nil { // the facts of an end follow PEOPLE
		err = await(c.T, 30*time.Second, func() error {
			if broken := promises.Broken(c.world(l, false)); len(broken) > 0 {
				return fmt.Errorf("%d promises are not kept yet", len(broken))
			}
			return nil
		})
	}
	if err == nil {
		err = await(c.T, 30*time.Second, func() error { return c.consoleHasRead(l) })
	}
	if err != nil {
		c.Errorf("it does not come to rest: %v", err)
	}
}

// consoleHasRead is nil when the console shows the last fact there is.
func (c *cluster) consoleHasRead(l *load) error {
	s, err := c.js.Stream(c.Context(), event.StreamOnboarding)
	if err != nil {
		return err
	}
	m, err := s.GetMsg(c.Context(), s.CachedInfo().State.LastSeq)
	if err != nil {
		return err
	}
	var f event.Fact
	if err := json.Unmarshal(m.Data, &f); err != nil {
		return err
	}
	page, err := c.page(l, f.UserID)
	if err == nil && !slices.Contains(page.Facts, f.ID) {
		err = errNotYet
	}
	return err
}

// page is a user as the console's API tells of them.
func (c *cluster) page(l *load, user string) (p promises.Page, err error) {
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	u, err := l.person(ctx, user)
	if err != nil {
		return p, err
	}
	p = promises.Page{Status: u.Status, Generation: u.Generation, Messages: map[string]event.SendState{}}
	for _, m := range u.Messages {
		p.Messages[event.SendKey(m.Generation, m.Purpose, m.Channel, m.Ordinal)] = m.State
	}
	for _, f := range u.Timeline {
		p.Facts = append(p.Facts, f.ID)
	}
	return p, nil
}

// world is all there is to be seen; pages only when the console is asked.
func (c *cluster) world(l *load, pages bool) promises.World {
	c.Helper()
	w := promises.World{People: map[string]event.Person{}, Arrived: c.sink.all(), Deserved: deserved}
	l.mu.Lock()
	w.Events = slices.Clone(l.events)
	l.mu.Unlock()
	c.read(event.StreamUsers, event.ImportedSubject("*"), func(m streams.Message) error {
		source, err := event.ParseImportedSubject(m.Subject)
		if err != nil {
			return err
		}
		env, err := event.ParseEnvelope(m.Header, m.Data)
		if err != nil {
			return err
		}
		u, err := event.ParseUser(env.Data)
		w.Records = append(w.Records, promises.Record{
			Identity: event.Identify(source, env.ID, env.MsgID, event.Position{}), Seq: m.Seq, UserID: u.UserID, Inbox: source, Email: u.Email, Phone: u.Phone,
		})
		return err
	})
	c.read(event.StreamOnboarding, "onboarding.v1.>", func(m streams.Message) error {
		var f event.Fact
		err := json.Unmarshal(m.Data, &f)
		w.Facts = append(w.Facts, f)
		return err
	})
	err := streams.NewLetters(c.js).Each(c.Context(), streams.LetterFilter{}, func(d streams.Letter, _ uint64) error {
		w.Letters = append(w.Letters, promises.Letter{Stream: d.Stream, Sequence: d.Origin, EventID: d.Event, Reason: d.Reason})
		return nil
	})
	if err == nil {
		err = l.people.Each(c.Context(), func(user string, p event.Person) error { w.People[user] = p; return nil })
	}
	if err != nil {
		c.Fatal(err)
	}
	if !pages {
		return w
	}
	w.Pages = map[string]promises.Page{}
	for user := range w.People {
		if w.Pages[user], err = c.page(l, user); err != nil {
			c.Errorf("%s: %v", user, err)
		}
	}
	return w
}

func (c *cluster) read(stream, subject string, do func(streams.Message) error) {
	c.Helper()
	err := streams.Read(c.Context(), c.js, stream, streams.Selection{Subjects: []string{subject}}, func(m streams.Message, _ uint64) error { return do(m) })
	if err != nil {
		c.Fatal(err)
	}
}

// kept checks the promises, and tells the story of those about whom one is broken.
func (c *cluster) kept(w promises.World) {
	c.Helper()
	told := map[string]bool{}
	for _, broken := range promises.Broken(w) {
		c.Error(broken)
		user := aUser.FindString(broken)
		if _, known := w.People[user]; !known || told[user] || len(told) == 10 {
			continue
		}
		told[user] = true
		b, _ := json.Marshal(w.People[user]) // plain data
		c.Logf("    PEOPLE: %s", b)
		for _, f := range w.Facts {
			if f.UserID == user {
				c.Logf("    %s %-10s generation %d n %-2d %-15s %s/%s %s %s %d", f.At.Format("15:04:05.000"), f.Kind, f.Generation, f.N, f.Status, f.EventSource, f.EventID, f.Effect, f.Channel, f.Ordinal)
			}
		}
	}
}

var aUser = regexp.MustCompile(`\bu-\d+\b`)

// filed checks that each list is in the archive with a report, and that together
// they account for every row.
func (c *cluster) filed(l *load) {
	c.Helper()
	reports, _ := filepath.Glob(filepath.Join(c.roles[0].config.Data, "archive", "*", "*.report.json")) // the pattern is good
	if len(reports) != l.files {
		c.Errorf("%d lists are in the archive, %d were dropped", len(reports), l.files)
	}
	rows, published, refused := 0, 0, 0
	for _, path := range reports {
		b, err := os.ReadFile(path)
		if err != nil {
			c.Fatal(err)
		}
		var r struct {
			Rows, Published, Refused int
			Result                   string
		}
		if err := json.Unmarshal(b, &r); err != nil || r.Result != "archived" {
			c.Errorf("%s: %s, %v", filepath.Base(path), r.Result, err)
		}
		rows, published, refused = rows+r.Rows, published+r.Published, refused+r.Refused
	}
	if rows != l.rows || refused != 1 || published != rows-1 {
		c.Errorf("the reports tell of %d rows, %d published and %d refused; %d were dropped, of which one is bad", rows, published, refused, l.rows)
	}
}

// reconciled checks that usher's own reconciliation accounts for so many records,
// and misses none.
func (c *cluster) reconciled(records int) {
	c.Helper()
	t, err := client.Dial(client.Options{HostPort: c.temporal, Logger: silent{}})
	if err != nil {
		c.Fatal(err)
	}
	defer t.Close()
	kv, err := c.js.KeyValue(c.Context(), event.BucketReports)
	if err != nil {
		c.Fatal(err)
	}
	began := time.Now()
	err = await(c.T, time.Minute, func() error {
		err := t.ScheduleClient().GetHandle(c.Context(), "usher-reconcile").Trigger(c.Context(), client.ScheduleTriggerOptions{})
		if err != nil {
			return err
		}
		e, err := kv.Get(c.Context(), "reconciliation")
		if err != nil {
			return err
		}
		var s report.State
		if err := json.Unmarshal(e.Value(), &s); err != nil {
			return err
		}
		if s.Records != records || s.Lost() != 0 || e.Created().Before(began) {
			return fmt.Errorf("it accounts for %d of %d records, and says that %d are lost", s.Records, records, s.Lost())
		}
		return nil
	})
	if err != nil {
		c.Errorf("the reconciliation: %v", err)
	}
}

// stop ends the roles, each of which has ten seconds for it, and tells of those
// that died before.
func (c *cluster) stop() {
	c.Helper()
	var wg sync.WaitGroup
	for _, r := range c.roles {
		wg.Go(func() {
			if took := r.stop(); took > 10*time.Second {
				c.Errorf("%s took %s to stop", r.name, took)
			}
		})
	}
	wg.Wait()
	for _, r := range c.roles {
		for _, death := range r.deaths {
			c.Errorf("died: %s", death)
		}
	}
}

// report tells what was measured.
func (c *cluster) report(l *load) {
	c.Logf("%d users in %d lists, %d decisions and orders, %d messages", len(l.users), l.files, len(l.events), len(c.sink.all()))
	for _, key := range slices.Sorted(maps.Keys(l.again)) {
		c.Logf("the load tried again %d × %s", l.again[key], key)
	}
	for _, key := range slices.Sorted(maps.Keys(l.slowest)) {
		c.Logf("the slowest by %s took %.1f s", key, l.slowest[key].Seconds())
	}
	for _, key := range slices.Sorted(maps.Keys(c.example)) {
		c.Logf("an example: %s", c.example[key])
	}
}

// keepLogs copies the logs to where they are asked for.
func (c *cluster) keepLogs() {
	keep := os.Getenv("USHER_E2E_KEEP")
	if keep == "" {
		return
	}
	dir := filepath.Join(keep, c.Name())
	if err := os.MkdirAll(dir, 0o750); err != nil {
		c.Error(err)
	}
	logs := map[string]string{}
	for _, r := range c.roles {
		logs[strings.ReplaceAll(r.name, " ", "")] = r.log.Name()
	}
	for _, n := range c.all {
		logs[n.name] = n.log.Name()
	}
	for name, f := range c.logs {
		logs[name] = f.Name()
	}
	for name, path := range logs {
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".log"), b, 0o640)
		}
		if err != nil {
			c.Error(err)
		}
	}
}
