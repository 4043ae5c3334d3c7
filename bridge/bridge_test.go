package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/serviceerror"

	"usher/event"
	"usher/streams"
)

func TestUserThenVerification(t *testing.T) {
	r := newRig(t)
	r.run()
	r.user("r1", "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1})
	r.approve("v1", "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1, "VERIFICATIONS signalled": 1})
	if d := cmp.Diff([]string{"started"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
}

func TestVerificationBeforeItsUser(t *testing.T) {
	r := newRig(t)
	r.run()
	id := event.Key("a key for this test").UserID("ann@example.org", "")
	r.publish("verifications.v1.crm.approved", "v1", `{"email":" Ann@Example.org "}`)
	r.waitOutcomes(map[string]float64{"VERIFICATIONS parked": 1})
	r.user("r1", id)
	r.waitOutcomes(map[string]float64{"VERIFICATIONS parked": 1, "USERS signalled": 1})
	if d := cmp.Diff([]string{"verification v1", "user r1"}, r.runs.byUser[id].signals); d != "" {
		t.Errorf("signals (-want +got)\n%s", d)
	}
}

func TestWhoIsOverStaysOver(t *testing.T) {
	r := newRig(t)
	r.run()
	decided := event.Decided{Identity: event.Identity{Source: "crm", ID: "v1"}, Verb: event.VerbApproved, By: "crm", At: time.Now()}
	if _, err := r.people.Claim(t.Context(), "u-1", event.Person{Source: "inbox", Generation: 1, Status: event.StatusWelcomed, Decided: &decided}); err != nil {
		t.Fatal(err)
	}
	r.user("r2", "u-1")
	r.approve("v1", "u-1")
	r.approve("v2", "u-1")
	r.waitOutcomes(map[string]float64{"USERS known": 1, "VERIFICATIONS known": 2})
	if r.runs.effects != 0 {
		t.Errorf("%d effects on somebody who is welcomed", r.runs.effects)
	}
	got := r.facts()
	if len(got) != 2 || !strings.Contains(strings.Join(got, " "), "late") || !strings.Contains(strings.Join(got, " "), "duplicate") {
		t.Errorf("facts %v, want one duplicate and one late", got)
	}
}

func TestWhatCannotBeUsedIsKeptAndNothingStops(t *testing.T) {
	r := newRig(t)
	r.run()
	if _, err := r.people.Claim(t.Context(), "u-9", event.Person{Source: "other", Generation: 1, Status: event.StatusWaiting}); err != nil {
		t.Fatal(err)
	}
	r.publish("users.v1.imported.inbox", "", `{"user_id":`)
	r.publish("users.v1.imported.inbox", "", `{"user_id":"u-1"}`)
	r.publish("users.v1.imported.inbox", "", `{"user_id":"u-9","email":"x@example.org"}`)
	r.publish("verifications.v1.crm.approved", "", `hello`)
	r.publish("verifications.v1.crm.maybe", "", `{"user_id":"u-1"}`)
	r.publish("verifications.v1.crm.withdrawn", "", `{"user_id":"u-1"}`)
	r.publish("verifications.v1.crm.approved", "", `{"user_id":"u-1"}`, "ce-specversion", "2.0")
	r.publish("verifications.v1.crm.approved", "", strings.Repeat(" ", 200<<10))
	r.user("r1", "u-2")
	r.waitOutcomes(map[string]float64{
		"USERS malformed": 2, "USERS denied": 1, "USERS started": 1, "VERIFICATIONS malformed": 4, "VERIFICATIONS denied": 1,
	})
	got := map[string]int{}
	for _, s := range r.messages(event.StreamDeadLetters, "deadletters.v1.") {
		got[s]++
	}
	want := map[string]int{"USERS.malformed": 2, "USERS.user_id_conflict": 1, "VERIFICATIONS.malformed": 4, "VERIFICATIONS.denied": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("dead letters (-want +got)\n%s", d)
	}
}

// An inbox may name who decides about its people; the console always may.
func TestOnlyTheVerifiersOfAnInboxDecide(t *testing.T) {
	r := newRig(t)
	r.verifiers = map[string]event.Verifiers{"inbox": {"erp"}}
	r.run()
	r.user("r1", "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1})
	for _, source := range []string{"crm", "erp", "console"} {
		r.publish(event.VerificationSubject(source, event.VerbApproved), "", `{"user_id":"u-1"}`)
	}
	r.waitOutcomes(map[string]float64{"USERS started": 1, "VERIFICATIONS denied": 1, "VERIFICATIONS signalled": 2})
	if got := r.messages(event.StreamDeadLetters, "deadletters.v1."); len(got) != 1 || got[0] != "VERIFICATIONS.denied" {
		t.Errorf("the dead letters are %v", got)
	}
}

// A source that names many users who are not there is stopped before it fills
// Temporal; others are not, and what it said is kept.
func TestAFloodOfUnknownUsersIsCapped(t *testing.T) {
	r := newRig(t)
	r.mostParked = 3
	r.run()
	for i := range 5 {
		r.publish(event.VerificationSubject("crm", event.VerbApproved), "", fmt.Sprintf(`{"user_id":"ghost-%d"}`, i))
	}
	r.waitOutcomes(map[string]float64{"VERIFICATIONS parked": 3, "VERIFICATIONS denied": 2})
	r.publish(event.VerificationSubject("erp", event.VerbApproved), "", `{"user_id":"ghost-9"}`)
	r.waitOutcomes(map[string]float64{"VERIFICATIONS parked": 4, "VERIFICATIONS denied": 2})
	if got := r.messages(event.StreamDeadLetters, "deadletters.v1."); len(got) != 2 || got[0] != "VERIFICATIONS.unknown_user" {
		t.Errorf("the dead letters are %v", got)
	}
	r.user("r1", "u-1")
	r.waitOutcomes(map[string]float64{"VERIFICATIONS parked": 4, "VERIFICATIONS denied": 2, "USERS started": 1})
	r.publish(event.VerificationSubject("crm", event.VerbApproved), "", `{"user_id":"u-1"}`) // who is there costs nothing
	r.waitOutcomes(map[string]float64{"VERIFICATIONS parked": 4, "VERIFICATIONS denied": 2, "VERIFICATIONS signalled": 1, "USERS started": 1})
}

// A message without a body and with a header Status looks to clients like what the
// server says about a request. It is kept as malformed, and the others go on. Two
// of them with different statuses ended the process: a regression of issue 14.
func TestAMessageThatLooksLikeTheServersWord(t *testing.T) {
	r := newRig(t)
	statuses := []string{"404", "503", "400", "100", "408", "409", "423"}
	for i, status := range statuses {
		r.publish("verifications.v1.crm.approved", "", "", "Status", status, "Description", "Consumer Deleted")
		r.approve(fmt.Sprint("v", i), fmt.Sprint("u-", i))
	}
	r.run()
	n := float64(len(statuses))
	r.waitOutcomes(map[string]float64{"VERIFICATIONS malformed": n, "VERIFICATIONS parked": n})
	for _, got := range r.messages(event.StreamDeadLetters, "deadletters.v1.") {
		if got != "VERIFICATIONS.malformed" {
			t.Errorf("a dead letter is %s", got)
		}
	}
	if again := r.redelivered(event.StreamVerifications, event.ConsumerVerifications); again > 0 {
		t.Errorf("%d messages were delivered again", again)
	}
}

// What kills every bridge that takes it is given up in the end, and kept.
func TestWhatIsDeliveredTooOftenIsKept(t *testing.T) {
	r := newRig(t)
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	cons, err := s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{
		Durable: event.ConsumerVerifications, FilterSubject: "verifications.v1.>", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: 50 * time.Millisecond, MaxDeliver: 2, MaxAckPending: maxInHand,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.approve("v1", "u-1")
	for range 2 { // bridges that die over it
		if _, err := cons.Next(jetstream.FetchMaxWait(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // beyond AckWait
	}
	sub := newRigConsumer(r)
	defer sub.listen(t.Context())()
	_, _ = cons.Fetch(1, jetstream.FetchMaxWait(200*time.Millisecond)) // the server says so when it is asked for more
	r.eventually(func() error {
		if got := r.messages(event.StreamDeadLetters, "deadletters.v1."); !cmp.Equal(got, []string{"VERIFICATIONS.exhausted"}) {
			return fmt.Errorf("dead letters %v", got)
		}
		return nil
	})
}

// A message that another tool terminates, is kept too; one
// that a bridge terminates has its dead letter already.
func TestWhatOthersTerminateIsKept(t *testing.T) {
	r := newRig(t)
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	cons, err := s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{
		Durable: event.ConsumerVerifications, FilterSubject: "verifications.v1.>", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: maxInHand,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer newRigConsumer(r).listen(t.Context())()
	for _, reason := range []string{event.ReasonMalformed, "an operator's script", ""} {
		r.approve("v-"+reason, "u-1")
		m, err := cons.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.TermWithReason(reason); err != nil {
			t.Fatal(err)
		}
	}
	r.eventually(func() error {
		want := []string{"VERIFICATIONS.exhausted", "VERIFICATIONS.exhausted"}
		if got := r.messages(event.StreamDeadLetters, "deadletters.v1."); !cmp.Equal(got, want) {
			return fmt.Errorf("dead letters %v, want %v", got, want)
		}
		return nil
	})
	err = streams.NewLetters(r.js).Each(t.Context(), streams.LetterFilter{}, func(l streams.Letter, _ uint64) error {
		if !strings.HasPrefix(l.Cause, "another client than usher terminated it") {
			t.Errorf("the cause is %q", l.Cause)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnOutageUsesUpNoDelivery(t *testing.T) {
	r := newRig(t)
	r.runs.setAway(serviceerror.NewUnavailable("nobody there"))
	r.run()
	for i := range 40 {
		r.user(fmt.Sprint("r", i), fmt.Sprint("u-", i))
	}
	r.eventually(func() error {
		if r.bridge.Ready() == nil {
			return errors.New("the bridge says that it is ready")
		}
		return nil
	})
	time.Sleep(2500 * time.Millisecond) // two and a half times AckWait
	r.runs.setAway(nil)
	r.waitOutcomes(map[string]float64{"USERS started": 40})
	if err := r.bridge.Ready(); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

// Users and verifications in any order, each twice, while one bridge stays and
// another comes and goes: each event has one effect.
func TestAnyOrder(t *testing.T) {
	users := 200
	if n, err := strconv.Atoi(os.Getenv("USHER_SOAK_PAIRS")); err == nil {
		users = n // make soak
	}
	r := newRigWith(t, max(32<<20, int64(users)<<15))
	r.mostParked = users
	var publish []func()
	for i := range users {
		id := fmt.Sprint("u-", i)
		for range 2 {
			publish = append(publish, func() { r.user("r-"+id, id) }, func() { r.approve("v-"+id, id) })
		}
	}
	rand.Shuffle(len(publish), func(i, j int) { publish[i], publish[j] = publish[j], publish[i] })
	r.run()
	stop := r.run()
	for i, p := range publish {
		p()
		if i%max(200, users/10) == 100 {
			stop()
			stop = r.run()
		}
	}
	r.within(20*time.Second+time.Duration(users)*10*time.Millisecond, func() error {
		for _, name := range []struct{ stream, consumer string }{{event.StreamUsers, event.ConsumerUsers}, {event.StreamVerifications, event.ConsumerVerifications}} {
			c, err := r.js.Consumer(context.Background(), name.stream, name.consumer)
			if err != nil {
				return err
			}
			if i := c.CachedInfo(); i.NumPending+uint64(i.NumAckPending) > 0 {
				return fmt.Errorf("%s has %d pending and %d in hand", name.consumer, i.NumPending, i.NumAckPending)
			}
		}
		return nil
	})
	stop()
	r.runs.mu.Lock()
	defer r.runs.mu.Unlock()
	for i := range users {
		x := r.runs.byUser[fmt.Sprint("u-", i)]
		if x == nil || x.parked {
			t.Fatalf("user %d: %+v", i, x)
		}
	}
	for id, n := range r.runs.events {
		if n != 1 {
			t.Errorf("%s reached a run %d times", id, n)
		}
	}
	if n := len(r.runs.events); n != 2*users {
		t.Errorf("%d of %d events reached a run", n, 2*users)
	}
}

// A full stream is no message's fault: neither a message that cannot be claimed nor
// a dead letter that cannot be kept is given up, however long it lasts.
func TestAFullStreamUsesUpNoDelivery(t *testing.T) {
	for stream, bad := range map[string]bool{"KV_" + event.BucketPeople: false, event.StreamDeadLetters: true} {
		t.Run(stream, func(t *testing.T) {
			r := newRig(t)
			s, err := r.js.Stream(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			room := s.CachedInfo().Config
			full := room
			full.MaxBytes = 1
			if _, err := r.js.UpdateStream(t.Context(), full); err != nil {
				t.Fatal(err)
			}
			r.run()
			outcome := "started"
			if bad {
				outcome = "malformed"
			}
			for i := range 5 {
				if bad {
					r.publish("users.v1.imported.inbox", fmt.Sprint("bad-", i), "no JSON")
				} else {
					r.user(fmt.Sprint("r", i), fmt.Sprint("u-", i))
				}
			}
			r.eventually(func() error {
				if r.bridge.Ready() == nil {
					return errors.New("the bridge says that it is ready")
				}
				return nil
			})
			time.Sleep(2500 * time.Millisecond) // two and a half times AckWait
			cons, err := r.js.Consumer(t.Context(), event.StreamUsers, event.ConsumerUsers)
			if err != nil {
				t.Fatal(err)
			}
			if n := cons.CachedInfo().NumRedelivered; n > 0 {
				t.Errorf("%d messages were delivered again while there was no room", n)
			}
			if _, err := r.js.UpdateStream(t.Context(), room); err != nil {
				t.Fatal(err)
			}
			r.waitOutcomes(map[string]float64{"USERS " + outcome: 5})
		})
	}
}

// A dead letter that is sent again is a request of its own to Temporal, which
// would drop one that it knows; a delivery again of the same message is not.
func TestAReplayIsARequestOfItsOwn(t *testing.T) {
	b := newRigConsumer(newRig(t)).Bridge
	request := func(msgID string) event.Identity {
		v, err := b.parseVerification(message{
			subject: "verifications.v1.crm.approved", data: []byte(`{"user_id":"u-1"}`),
			header: map[string][]string{"ce-id": {"e1"}, "Nats-Msg-Id": {msgID}},
		})
		if err != nil || v.ID != "e1" {
			t.Fatalf("%+v, %v", v, err)
		}
		return v.Request()
	}
	first, again := request("e1"), request(event.ReplayPrefix+"9-x")
	if first == again || again != request(event.ReplayPrefix+"9-x") || again == request(event.ReplayPrefix+"9-y") {
		t.Errorf("the requests are %v and %v", first, again)
	}
}

// A session that begins anew, because the server has ended the last one, leaves
// alone what the workers of the last one read: go test -race tells. The first
// message stays in hand and says nothing, for whatever it said would put its look
// before.
func TestASessionBeginsWhileAMessageIsInHand(t *testing.T) {
	r := newRig(t)
	c := newRigConsumer(r)
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	taken, done := make(chan message, 9), make(chan struct{})
	c.handle = func(_ context.Context, m message) (string, error) {
		if m.Seq > 1 {
			taken <- m
		}
		<-done
		return known, nil
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { c.run(ctx); close(over) }()
	defer func() { close(done); stop(); <-over }()
	r.approve("v1", "u-1")
	r.approve("v2", "u-2")
	first := <-taken
	if err := r.js.DeleteConsumer(t.Context(), event.StreamVerifications, c.name); err != nil {
		t.Fatal(err)
	}
	r.approve("v3", "u-3")
	second := <-taken
	for second.Seq < 3 { // a consumer made anew begins with the first message
		second = <-taken
	}
	if want := s.CachedInfo().Created; !first.Created.Equal(want) || !second.Created.Equal(want) {
		t.Errorf("messages of %v and %v, the stream is of %v", first.Created, second.Created, want)
	}
}
