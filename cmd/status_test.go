package cmd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
	"usher/streams/streamstest"
)

// The last fact of the stream may have been deleted, as a canary's is.
func TestStatusOfAUserBehindADeletedEnd(t *testing.T) {
	js, url := natstest.Start(t)
	ctx := t.Context()
	if err := streams.Ensure(ctx, js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.Claim(ctx, "u-1", event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting}); err != nil {
		t.Fatal(err)
	}
	pub := streams.NewPublisher(js, nil)
	for n, id := range []string{"u-1", "u-2"} {
		f := event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, At: time.Now(), Status: event.StatusWaiting, EventID: "e-" + id, EventSource: "inbox", N: n}
		if _, err := pub.Fact(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(ctx, event.StreamOnboarding)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"u-1": "u-1: waiting (inbox inbox)", "e-u-1": "started"} {
		code, out, errs := run(t, nil, "status", what, "--nats-url", url)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("status %s: %d\n%s%s", what, code, out, errs)
		}
	}
}

// What became of an event is told wherever it is: waiting, taken without a
// trace, or given up.
func TestStatusOfAnEvent(t *testing.T) {
	js, url := natstest.Start(t)
	ctx := t.Context()
	if err := streams.Ensure(ctx, js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.Claim(ctx, "u-1", event.Person{Source: "inbox", Generation: 1, Status: event.StatusWelcomed}); err != nil {
		t.Fatal(err)
	}
	cons, err := js.CreateConsumer(ctx, event.StreamVerifications, jetstream.ConsumerConfig{Durable: event.ConsumerVerifications, AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	pub := streams.NewPublisher(js, nil)
	for _, id := range []string{"e-taken", "e-given-up", "e-waits", "e-taken"} {
		if err := pub.Verification(ctx, "crm", event.VerbApproved, id, event.VerificationBody{UserID: "u-1"}); err != nil {
			t.Fatal(err)
		}
	}
	bare, err := js.Publish(ctx, event.VerificationSubject("crm", event.VerbApproved), []byte(`{"user_id":"u-2"}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m, err := cons.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.DoubleAck(ctx); err != nil {
			t.Fatal(err)
		}
	}
	d := event.DeadLetter{Stream: event.StreamVerifications, Sequence: 2, EventID: "e-given-up", Subject: "verifications.v1.crm.approved", Reason: event.ReasonDenied, Cause: "crm may not say this", Data: []byte("secret"), Stored: time.Now()}
	if err := pub.DeadLetter(ctx, d); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx, event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	place := fmt.Sprintf("%d-%d", s.CachedInfo().Created.UnixNano(), bare.Sequence)
	for what, want := range map[string]string{
		"e-taken":    "the onboarding of u-1 is over, welcomed",
		"e-given-up": "dead letter 1 (denied): crm may not say this",
		"e-waits":    "It waits for the bridge",
		place:        "VERIFICATIONS 4, verifications.v1.crm.approved",
	} {
		code, out, errs := run(t, nil, "status", what, "--nats-url", url)
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "secret") {
			t.Errorf("status %s: %d, want %q\n%s%s", what, code, want, out, errs)
		}
	}
	code, out, _ := run(t, nil, "status", "e-given-up", "--json", "--nats-url", url)
	if code != 0 || !strings.Contains(out, `"state": "dead_letter"`) {
		t.Errorf("as JSON: %d\n%s", code, out)
	}
	if code, _, errs := run(t, nil, "status", "e-nobody", "--nats-url", url); code != 1 || !strings.Contains(errs, "no file, import, user or event") {
		t.Errorf("an unknown id: %d %s", code, errs)
	}
}

// Facts are stored as they come, and told in the order in which they came true.
func TestAnEndIsToldAfterItsMessages(t *testing.T) {
	at := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	facts := []event.Fact{
		{Kind: event.FactReopened, Generation: 2, N: 1, At: at}, {Kind: event.FactWelcomed, Generation: 1, N: 5, At: at},
		{Kind: event.FactSent, Generation: 1, N: 4, At: at}, {Kind: event.FactStarted, Generation: 1, N: 9, At: at.Add(-time.Second)},
	}
	slices.SortStableFunc(facts, inOrder)
	var kinds []string
	for _, f := range facts {
		kinds = append(kinds, f.Kind)
	}
	if want := []string{event.FactStarted, event.FactSent, event.FactWelcomed, event.FactReopened}; !slices.Equal(kinds, want) {
		t.Errorf("%q, want %q", kinds, want)
	}
}

// What a command reads with is gone when it ends: scripts run many of them.
func TestCommandsLeaveNothingBehind(t *testing.T) {
	js, url := natstest.Start(t)
	ctx := t.Context()
	if err := streams.Ensure(ctx, js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.NewPublisher(js, nil).Fact(ctx, event.Fact{Kind: event.FactStarted, UserID: "u-1", EventID: "e-1", EventSource: "inbox"}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status", "u-1"}, {"status", "e-1"}, {"deadletters", "ls"}, {"verify", "u-1", "--approve", "--wait", "10ms"}, {"resend", "--status", "welcomed", "--dry-run"},
	} {
		if code, out, errs := run(t, nil, append(args, "--nats-url", url)...); code != 0 {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
		for name := range js.StreamNames(ctx).Name() {
			s, err := js.Stream(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.CachedInfo().State.Consumers; n > 0 {
				t.Errorf("%v leaves %d consumers on %s", args, n, name)
			}
		}
	}
}

// The facts of one user are found among those of many without reading all, and so
// are those from before their subjects told where to look.
func TestStatusReadsFactsOfOneUser(t *testing.T) {
	srv := natstest.Run(t, t.TempDir(), server.RANDOM_PORT)
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := streams.Ensure(ctx, js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.Claim(ctx, "u-1", event.Person{Source: "inbox", Generation: 1, Status: event.StatusWelcomed}); err != nil {
		t.Fatal(err)
	}
	publish := func(subject string, f event.Fact) {
		data, err := json.Marshal(f.WithID())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishAsync(subject, data); err != nil {
			t.Fatal(err)
		}
	}
	started := event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, N: 1, EventID: "e-1", EventSource: "inbox"}
	publish("onboarding.v1.started", started) // as it was
	const others = 3000
	for n := range others {
		publish(event.FactSubject(event.FactStarted, fmt.Sprint("v-", n)), event.Fact{Kind: event.FactStarted, UserID: fmt.Sprint("v-", n), Generation: 1, N: 1})
	}
	<-js.PublishAsyncComplete()
	if _, err := streams.NewPublisher(js, nil).Fact(ctx, event.Fact{Kind: event.FactWelcomed, UserID: "u-1", Generation: 1, N: 5, At: time.Now(), Status: event.StatusWelcomed}); err != nil {
		t.Fatal(err)
	}
	sent := func() int64 {
		v, err := srv.Varz(nil)
		if err != nil {
			t.Fatal(err)
		}
		return v.OutMsgs
	}
	before := sent()
	code, out, errs := run(t, nil, "status", "u-1", "--nats-url", srv.ClientURL())
	if code != 0 || !strings.Contains(out, "started inbox e-1") || !strings.Contains(out, "welcomed\n") || strings.Count(out, "\n") != 3 {
		t.Errorf("status u-1: %d\n%s%s", code, out, errs)
	}
	if n := sent() - before; n > others/20 {
		t.Errorf("%d messages were read for the facts of one user among %d", n, others)
	}
	if code, out, errs := run(t, nil, "status", "e-1", "--nats-url", srv.ClientURL()); code != 0 || !strings.Contains(out, "started inbox e-1") {
		t.Errorf("status e-1: %d\n%s%s", code, out, errs)
	}
}

// Away from the watcher's folder, what it told on NATS says where an import stands.
func TestStatusOfAnImportAwayFromItsWatcher(t *testing.T) {
	js, url := streamstest.Start(t)
	tell := func(p event.Progress) {
		t.Helper()
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), event.ProgressSubject(p.Source, p.Import), b); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	tell(event.Progress{Import: "i1", File: "big.csv", Source: "hr", State: event.ImportArchived, Rows: 7, Record: 7, At: now.Add(-time.Hour)})
	tell(event.Progress{Import: "i2", File: "big.csv", Source: "hr", State: event.ImportPublishing, Rows: 100, Record: 25, Percent: 25, At: now})
	tell(event.Progress{Import: "i3", File: "old.csv", Source: "hr", State: event.ImportArchived, Rows: 1, Record: 1, At: now.Add(-time.Hour)})
	tell(event.Progress{Import: "i4", File: "old.csv", Source: "hr", State: event.ImportRefused, Reason: "no column is known", At: now})
	for what, want := range map[string]string{
		"big.csv": "big.csv: publishing 25 %, 25 of 100 rows", "i1": "big.csv: archived", "some/where/old.csv": "old.csv: refused: no column is known", "": "big.csv: publishing",
	} {
		code, out, errs := run(t, nil, append([]string{"status", "--nats-url", url}, strings.Fields(what)...)...)
		if code != 0 || !strings.Contains(out, want) || strings.Count(out, ".csv") != 1 {
			t.Errorf("status %s: %d\n%s%s", what, code, out, errs)
		}
	}
	if code, _, errs := run(t, nil, "status", "none.csv", "--nats-url", url); code != 1 || !strings.Contains(errs, "knows no file, import") {
		t.Errorf("of none: %d %s", code, errs)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tell(event.Progress{Import: "i2", File: "big.csv", Source: "hr", State: event.ImportArchived, Rows: 100, Record: 100, At: time.Now()})
	}()
	if code, out, errs := run(t, nil, "status", "i2", "--wait", "--nats-url", url); code != 0 || !strings.Contains(out, "archived, 100 of 100 rows") {
		t.Errorf("waiting: %d\n%s%s", code, out, errs)
	}
	<-done
}
