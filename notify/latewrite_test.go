package notify

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"usher/event"
)

// underWay is a ledger to which the first write of `submitting` is still under way when
// its writer has given it up: it arrives before the nth call after it, and counts
// unless another write was faster.
type underWay struct {
	memory
	arrives int

	late  *event.Send // what is under way
	base  event.Send  // what it was made from
	calls int         // since then
}

var errNoAnswer = errors.New("the store does not answer")

func (u *underWay) UpdateSend(ctx context.Context, userID, key string, change func(*event.Send) error) (event.Send, error) {
	k := userID + "/" + key
	if u.late != nil {
		if u.calls++; u.calls == u.arrives && reflect.DeepEqual(u.entries[k], u.base) {
			u.entries[k] = *u.late
		}
		return u.memory.UpdateSend(ctx, userID, key, change)
	}
	u.fail = func(s event.Send) error {
		if s.State != event.SendSubmitting {
			return nil
		}
		u.late, u.base = &s, u.entries[k]
		return errNoAnswer
	}
	defer func() { u.fail = nil }()
	return u.memory.UpdateSend(ctx, userID, key, change)
}

// A regression: what a write says that arrives late, of a message that was never handed
// over, is known from the answer that its attempt kept, whenever it arrives. It looked
// like a message without an answer when it arrived between two reads, and the next try
// counted as a copy.
func TestAWriteArrivesLateAtEachStep(t *testing.T) {
	for arrives, asked := 1, 1; arrives <= asked; arrives++ {
		srv := newSMTPServer(t, script{})
		r := newRig(t, srv.addr, "http://"+nowhere)
		u := &underWay{memory: memory{entries: map[string]event.Send{}}, arrives: arrives}
		r.Ledger = u
		q := request(event.ChannelEmail)
		q.Keep = func(n event.Answer) { q.Answer = &n }
		var sent event.Send
		err := errors.New("not tried")
		for try := 0; err != nil && try < 5; try++ {
			sent, err = r.Send(t.Context(), q)
		}
		if err != nil || sent.State != event.SendAccepted || sent.Copies != 0 || len(srv.messages()) != 1 {
			t.Errorf("it arrives before call %d: the ledger says %q with %d copies, %d messages, %v", arrives, sent.State, sent.Copies, len(srv.messages()), err)
		}
		asked = u.calls
		if arrives == 20 {
			t.Fatal("the tries do not end")
		}
	}
}

// When neither the ledger nor Temporal takes that a message was not handed over, it is
// tried until one of them does. A regression: it was tried for a second, and was then
// lost with its attempt.
func TestWhatWasNotHandedOverIsSaidUntilItIsTaken(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	key, refused := "u-1/"+request(event.ChannelEmail).key(), 0
	r.ledger.fail = func(s event.Send) error {
		switch {
		case s.State == event.SendSubmitting: // it is written, and the answer is lost
			r.ledger.entries[key] = s
			return errNoAnswer
		case refused < 10: // for more than a second
			refused++
			return errNoAnswer
		}
		return nil
	}
	q := request(event.ChannelEmail)
	q.Keep, q.Kept = func(event.Answer) {}, func() bool { return false }
	if _, err := r.Send(t.Context(), q); !errors.Is(err, errNoAnswer) {
		t.Fatal(err)
	}
	if s := r.ledger.entries[key]; s.State != "" || s.Token != "" || refused != 10 {
		t.Errorf("after %d refusals the ledger says %+v", refused, s)
	}

	refused = -1000
	q.Kept = func() bool { return true }
	if _, err := r.Send(t.Context(), q); !errors.Is(err, errNoAnswer) {
		t.Fatal(err)
	}
	if refused > -990 {
		t.Errorf("Temporal has it, and the ledger is asked %d times more", refused+1000)
	}
}
