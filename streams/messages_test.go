package streams

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// told are the orders and facts that are stored, by what they are about.
func told(t *testing.T, js jetstream.JetStream) (out []string) {
	t.Helper()
	for _, stream := range []string{event.StreamVerifications, event.StreamOnboarding} {
		err := Read(t.Context(), js, stream, Selection{}, func(m Message, _ uint64) error {
			out = append(out, m.Subject+" "+string(m.Data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// What is done about one message is done once: when it is done again by another process
// or for another chore, and however the person has changed since a person looked.
func TestMessagesThatDidNotArrive(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	people, err := NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	const first = "1.welcome.email.1"
	person := func(id string, status event.Status, state event.SendState) {
		t.Helper()
		p := event.NewPerson("hr", event.Opened{Seq: 1, Stored: time.Unix(1, 0)})
		p.Status, p.N, p.Sends = status, 5, map[string]event.Send{first: {State: state}}
		if _, err := people.Claim(t.Context(), id, p); err != nil {
			t.Fatal(err)
		}
	}
	person("failed", event.StatusUnreached, event.SendFailed)
	person("unknown", event.StatusUnreached, event.SendUnknown)
	person("arrived", event.StatusUnreached, event.SendUnknown)
	person("accepted", event.StatusWelcomed, event.SendAccepted)
	person("withdrawn", event.StatusWithdrawn, event.SendFailed)
	person("waiting", event.StatusWaiting, event.SendUnknown)
	const gone, never = "gone", "never"
	for round := range 2 { // of two processes
		m := NewMessages(people, NewPublisher(js, nil))
		for _, tc := range []struct{ do, id, want string }{
			{event.ChoreResend, "failed", ""}, {event.ChoreResend, "unknown", never}, {event.ChoreResend, "no-one", gone},
			{event.ChoreResend, "accepted", gone}, {event.ChoreResend, "withdrawn", gone}, {event.ChoreResend, "waiting", gone},
			{event.ChoreResendUnknown, "unknown", ""}, {event.ChoreResendUnknown, "accepted", gone},
			{event.ChoreArrived, "arrived", ""}, {event.ChoreArrived, "failed", gone}, {event.ChoreArrived, "accepted", gone},
			{event.ChoreArrived, "waiting", gone}, {event.ChoreArrived, "no-one", gone},
		} {
			err := m.Chore(t.Context(), event.Chore{Do: tc.do, Actor: "ann"}, event.About{UserID: tc.id, Message: first})
			got := map[bool]string{true: "an outage"}[err != nil]
			switch {
			case errors.Is(err, event.ErrGone):
				got = gone
			case event.IsPermanent(err):
				got = never
			}
			if got != tc.want {
				t.Errorf("round %d, %s of %s: %v, want %q", round, tc.do, tc.id, err, tc.want)
			}
		}
	}
	p, _, err := people.Get(t.Context(), "arrived")
	if s := p.Sends[first]; err != nil || s.State != event.SendDelivered || s.By != "console:ann" || p.Status != event.StatusUnreached {
		t.Errorf("the ledger has %+v of a person who is %s, %v", s, p.Status, err)
	}
	all := told(t, js)
	want := []string{
		`verifications.v1.console.resend {"user_id":"failed","actor":"ann","channels":["email"],"instead":"1.welcome.email.1"}`,
		`verifications.v1.console.resend {"user_id":"unknown","actor":"ann","channels":["email"],"instead":"1.welcome.email.1"}`,
	}
	if len(all) != 3 || !cmp.Equal(all[:2], want) {
		t.Errorf("told is %q", all)
	}
	// Who died between the ledger and the fact left it untold.
	untold := NewMessages(people, NewPublisher(js, nil))
	person("untold", event.StatusUnreached, event.SendUnknown)
	if _, err := people.UpdateSend(t.Context(), "untold", first, func(s *event.Send) error {
		s.Receive(event.Receipt{State: event.SendDelivered, At: time.Unix(9, 0).UTC(), By: "console:ann"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := untold.Chore(t.Context(), event.Chore{Do: event.ChoreArrived, Actor: "ann"}, event.About{UserID: "untold", Message: first}); err != nil {
		t.Error(err)
	}
	if n := len(told(t, js)); n != 4 {
		t.Errorf("%d are told", n)
	}
}
