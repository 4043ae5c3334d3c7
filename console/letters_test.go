package console

import (
	"testing"
	"time"

	"usher/event"
)

// A dead letter that was sent again or dropped leaves the list, and one that
// came meanwhile stays.
func TestDeadLettersThatAreGoneLeaveTheList(t *testing.T) {
	r := newRig(t)
	r.run()
	for seq := range uint64(3) {
		err := r.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamUsers, Sequence: seq + 1, Reason: event.ReasonMalformed, Stored: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		n, err := r.console.model.letterCount(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	r.eventually("three are listed", func() bool { return count() == 3 })
	s, err := r.js.Stream(t.Context(), event.StreamDeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 2} { // the first ones and one in the middle differ in how the stream tells
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	r.eventually("one is left", func() bool { return count() == 1 })
	letters, err := r.console.model.deadLetters(t.Context(), which{}, 10)
	if err != nil || len(letters) != 1 || letters[0].Seq != 3 {
		t.Errorf("the list is %v (%v)", letters, err)
	}
}

// Canary users are in no list and no figure.
func TestCanaryUsersAreLeftOut(t *testing.T) {
	r := newRig(t)
	r.run()
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "canary-1", Generation: 1, Status: event.StatusWaiting, Inbox: event.SourceCanary})
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("u-1 waits", func() bool { return r.statusOf("u-1") == event.StatusWaiting })
	f, err := r.console.model.figures(t.Context())
	if err != nil || f.people[event.StatusWaiting] != 1 {
		t.Errorf("%d users wait (%v), want 1", f.people[event.StatusWaiting], err)
	}
}

// The last message of a stream may have been deleted: then nothing is left to
// read, and a console that starts anew is ready.
func TestReadyBehindADeletedEnd(t *testing.T) {
	r := newRig(t)
	for seq := range uint64(2) {
		err := r.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamUsers, Sequence: seq + 1, Reason: event.ReasonMalformed, Stored: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := r.js.Stream(t.Context(), event.StreamDeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	stop := r.run() // reads both
	r.eventually("two are listed", func() bool { n, _ := r.console.model.letterCount(t.Context()); return n == 2 })
	stop()
	for range 2 {
		if err := r.pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamUsers, Sequence: 9, Reason: event.ReasonMalformed, Stored: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteMsg(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	r.run() // waits until it is ready
}
