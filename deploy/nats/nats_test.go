package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// start runs usher.conf on a free port with its store in a folder of the test.
func start(t *testing.T) (url string) {
	t.Helper()
	conf, err := os.ReadFile("usher.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(conf), "sync_interval: always") {
		t.Error("the configuration does not sync always")
	}
	url = natstest.Guarded(t, "usher.conf")
	js := connect(t, url, "admin").js
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	return url
}

type user struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu     sync.Mutex
	denied []string
}

func connect(t *testing.T, url, name string) *user {
	t.Helper()
	u := &user{}
	inbox := Inbox(name)
	if name == "crm" { // any client, with its defaults
		inbox = "_INBOX"
	}
	nc, err := nats.Connect(url, nats.UserInfo(name, "password-of-"+name), nats.CustomInboxPrefix(inbox), nats.PermissionErrOnSubscribe(true),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.denied = append(u.denied, err.Error())
		}))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(nc.Close)
	u.nc = nc
	if u.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	return u
}

// refused publishes and tells whether the server said no.
func (u *user) refused(t *testing.T, m *nats.Msg) bool {
	t.Helper()
	u.mu.Lock()
	before := len(u.denied)
	u.mu.Unlock()
	if err := u.nc.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	if err := u.nc.Flush(); err != nil { // the server answers in order
		t.Fatal(err)
	}
	for range 50 {
		u.mu.Lock()
		n := len(u.denied)
		u.mu.Unlock()
		if n > before {
			return true
		}
		time.Sleep(2 * time.Millisecond)
	}
	return false
}

func messages(t *testing.T, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func TestAnUpstreamSystemCanDecideAndNothingElse(t *testing.T) {
	url := start(t)
	admin, crm := connect(t, url, "admin"), connect(t, url, "crm")
	subject := event.VerificationSubject("crm", event.VerbApproved)

	ack, err := crm.js.Publish(t.Context(), subject, []byte(`{"user_id":"u-1"}`))
	if err != nil || ack.Stream != event.StreamVerifications {
		t.Fatalf("its own decision: %+v, %v", ack, err)
	}
	for _, forbidden := range []string{
		"users.v1.imported.inbox", "users.v1.checkpoint.inbox.x", "onboarding.v1.welcomed", "deadletters.v1.USERS.denied", "audit.v1.x",
		"verifications.v1.erp.approved", "verifications.v1.crm.withdrawn", "verifications.v1.console.approved", "$KV.PEOPLE.u-1",
		"$JS.API.STREAM.PURGE.USERS", "$JS.API.STREAM.INFO.USERS", "$JS.API.STREAM.MSG.GET.USERS", "$JS.API.CONSUMER.CREATE.USERS.x",
		"$JS.ACK.USERS.bridge-users.1.1.1.1.1",
	} {
		if !crm.refused(t, &nats.Msg{Subject: forbidden, Data: []byte("{}")}) {
			t.Errorf("the server let it publish to %s", forbidden)
		}
	}
	for _, forbidden := range []string{"verifications.>", "users.>", "onboarding.>", "_INBOX_bridge.>", "_INBOX_admin.>", "$JS.>", ">"} {
		sub, err := crm.nc.SubscribeSync(forbidden)
		if err == nil {
			_ = crm.nc.Flush()
			_, err = sub.NextMsg(200 * time.Millisecond)
		}
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("it subscribed to %s: %v", forbidden, err)
		}
	}

	// The reply subject of a publish is checked against no permission: whatever
	// the server answers must not land in a stream.
	streamsBefore := map[string]uint64{}
	targets := map[string]string{
		"users.v1.imported.inbox": event.StreamUsers, "onboarding.v1.welcomed": event.StreamOnboarding,
		"$KV.PEOPLE.u-1": "KV_" + event.BucketPeople, "audit.v1.x": event.StreamAudit,
	}
	for _, s := range targets {
		streamsBefore[s] = messages(t, admin.js, s)
	}
	stored := messages(t, admin.js, event.StreamVerifications)
	for reply := range targets {
		if err := crm.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: []byte(`{"user_id":"u-2"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := crm.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// Once a later publish of its own is acknowledged, the answers have gone out.
	if _, err := crm.js.Publish(t.Context(), subject, []byte(`{"user_id":"u-3"}`)); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, admin.js, event.StreamVerifications); got <= stored {
		t.Error("none of the publishes was stored, so nothing was tried")
	}
	for _, s := range targets {
		if got := messages(t, admin.js, s); got != streamsBefore[s] {
			t.Errorf("%d messages were written into %s by a reply subject", got-streamsBefore[s], s)
		}
	}
}

// In usher's own account a reply subject does write into other streams: the test
// above would see it, and this is why upstream systems have their own account.
func TestReplySubjectsWriteWithinOneAccount(t *testing.T) {
	url := start(t)
	admin, cli := connect(t, url, "admin"), connect(t, url, "cli")
	before := messages(t, admin.js, event.StreamAudit)
	if err := cli.nc.PublishMsg(&nats.Msg{Subject: event.VerificationSubject(event.SourceCLI, event.VerbApproved), Reply: "audit.v1.x", Data: []byte(`{"user_id":"u-1"}`)}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); messages(t, admin.js, event.StreamAudit) == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server checks reply subjects now: upstream systems need no account of their own any more")
		}
	}
}

func TestTheConfigurationIsMadeFromTheTable(t *testing.T) {
	got, err := os.ReadFile("usher.conf")
	if err != nil || !bytes.Equal(got, Conf()) {
		t.Errorf("usher.conf differs from what the table makes (%v): run `make generate`", err)
	}
	for _, r := range Roles() {
		for _, right := range slices.Concat(r.Publish, r.Deny, r.Listen) {
			if right.Why == "" || len(right.Subjects) == 0 {
				t.Errorf("%s: a right says what it is for: %+v", r.Name, right)
			}
		}
	}
}

// Whole streams are removed by few messages, so those who may are few.
func TestOnlyTheBridgePurges(t *testing.T) {
	dangerous := []string{"PURGE.", "DELETE.", "UPDATE.", "CREATE.", "RESTORE.", "SNAPSHOT."}
	for _, r := range Roles() {
		for _, stream := range streams.Names() {
			for _, verb := range dangerous {
				subject := api + "STREAM." + verb + stream
				_, may := r.May(subject)
				if want := r.Name == "bridge" && verb == "PURGE." && (stream == event.StreamUsers || stream == event.StreamVerifications); may != want {
					t.Errorf("%s may publish to %s: %v, want %v", r.Name, subject, may, want)
				}
			}
		}
	}
}

// A long list takes more than a short one: its reader asks again and again, or tells
// the server how far it is. It was not allowed to, and a list of more than some thousand
// people was never read to its end. A regression of issue 14.
func TestLongListsAreReadUnderTheAccountOfTheCommands(t *testing.T) {
	proxy := natstest.Between(t, start(t))
	admin, cli := connect(t, proxy.URL(), "admin"), connect(t, proxy.URL(), "cli")
	const people = 2000
	person := fmt.Appendf(nil, `{"source":"hr","remark":%q}`, strings.Repeat("x", 1000))
	for i := range people {
		if err := admin.nc.Publish(fmt.Sprintf("$KV.%s.u-%d", event.BucketPeople, i), person); err != nil {
			t.Fatal(err)
		}
	}
	// Once the last one is acknowledged, all are stored.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := admin.js.Publish(ctx, "$KV."+event.BucketPeople+".last", person); err != nil {
		t.Fatal(err)
	}
	all, err := streams.NewPeople(t.Context(), cli.js)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := all.Each(ctx, func(string, event.Person) error { n++; return nil }); err != nil || n != people+1 {
		t.Errorf("%d of %d are read: %v", n, people, err)
	}
	if err := cli.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if denied := proxy.Denied("cli"); len(denied) > 0 {
		t.Errorf("denied: %q", denied)
	}
}

func TestRolesCannotDoWhatOthersDo(t *testing.T) {
	url := start(t)
	for name, forbidden := range map[string][]string{
		"watch":   {"verifications.v1.crm.approved", "onboarding.v1.welcomed", "$KV.PEOPLE.u-1", "$JS.API.STREAM.PURGE.USERS", "$JS.API.STREAM.DELETE.USERS"},
		"bridge":  {"users.v1.checkpoint.inbox.x", "users.v1.release.x", "$KV.CONTROL.paused.bridge", "$KV.CONTROL.chore.worker.x", "$KV.DELIVERY.suppressed.x", "$JS.API.STREAM.PURGE.ONBOARDING", "$JS.API.STREAM.PURGE.KV_PEOPLE", "$JS.API.STREAM.UPDATE.USERS", "audit.v1.x"},
		"worker":  {"$KV.CONTROL.chore.bridge.x", "$JS.API.STREAM.MSG.DELETE.DEADLETTERS", "users.v1.imported.inbox", "verifications.v1.console.approved", "$JS.API.CONSUMER.MSG.NEXT.USERS.bridge-users"},
		"console": {"$KV.CONTROL.paused.bridge", "$KV.DELIVERY.suppressed.x", "$JS.API.STREAM.MSG.DELETE.DEADLETTERS", "users.v1.imported.inbox", "verifications.v1.crm.approved", "onboarding.v1.welcomed", "$KV.PEOPLE.u-1", "$JS.API.CONSUMER.MSG.NEXT.USERS.bridge-users", "$JS.API.CONSUMER.DELETE.USERS.bridge-users"},
		"cli":     {"users.v1.imported.inbox", "verifications.v1.crm.approved", "onboarding.v1.welcomed", "$JS.API.STREAM.PURGE.USERS", "$KV.DELIVERY.alive.x"},
	} {
		u := connect(t, url, name)
		for _, subject := range forbidden {
			if !u.refused(t, &nats.Msg{Subject: subject, Data: []byte("{}")}) {
				t.Errorf("%s may publish to %s", name, subject)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := u.js.Stream(ctx, event.StreamUsers); err != nil {
			t.Errorf("%s cannot look at a stream, so it was refused for another reason: %v", name, err)
		}
		cancel()
		if sub, err := u.nc.SubscribeSync(fmt.Sprintf("_INBOX_%s.>", map[bool]string{true: "watch", false: "bridge"}[name != "watch"])); err == nil {
			_ = u.nc.Flush()
			if _, err := sub.NextMsg(200 * time.Millisecond); !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s reads others' replies: %v", name, err)
			}
		}
	}
}

// A console stores decisions about many for a time, reads those of other consoles, and
// does not empty the bucket in which they are (issue 16).
func TestAConsoleKeepsDecisionsAboutMany(t *testing.T) {
	console := connect(t, start(t), "console")
	const bucket = "KV_" + event.BucketConsole
	if _, err := console.js.Publish(t.Context(), "$KV.CONSOLE.bulk.x", []byte("{}"), jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithMsgTTL(time.Hour)); err != nil {
		t.Fatal(err)
	}
	c, err := console.js.CreateConsumer(t.Context(), bucket, jetstream.ConsumerConfig{FilterSubject: "$KV.CONSOLE.bulk.>", AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := c.Next(jetstream.FetchMaxWait(5 * time.Second)); err != nil || m.Subject() != "$KV.CONSOLE.bulk.x" {
		t.Errorf("it reads %v, %v", m, err)
	}
	if err := console.js.DeleteConsumer(t.Context(), bucket, c.CachedInfo().Name); err != nil {
		t.Error(err)
	}
	if !console.refused(t, &nats.Msg{Subject: api + "STREAM.PURGE." + bucket, Data: []byte("{}")}) {
		t.Error("it may purge the bucket")
	}
}
