package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// at is the place of message seq of a stream that stores one a second.
func at(seq uint64) Place { return Place{Seq: seq, Stored: noon.Add(time.Duration(seq) * time.Second)} }

// order is an order that stands at seq of VERIFICATIONS.
func order(verb string, seq uint64) Verification {
	return Verification{Identity: Identity{SourceCLI, fmt.Sprint("o", seq)}, Verb: verb, Seq: seq, Stored: at(seq).Stored}
}

func TestPlaces(t *testing.T) {
	anew := func(p Place, since uint64) Place { p.Since = at(since).Stored; return p }
	behind := at(8) // by a new leader, whose clock is behind
	behind.Stored = at(6).Stored
	for name, tc := range map[string]struct {
		p, q  Place
		after bool
	}{
		"later":                              {at(8), at(7), true},
		"itself":                             {at(8), at(8), false},
		"at the same time":                   {Place{8, noon, time.Time{}}, Place{7, noon, time.Time{}}, true},
		"by a clock that is behind":          {behind, at(7), true},
		"before a clock that is behind":      {at(7), behind, false},
		"of a stream that was made anew":     {anew(Place{Seq: 1, Stored: at(100).Stored}, 90), at(50), true},
		"before its stream was made anew":    {at(50), anew(Place{Seq: 1, Stored: at(100).Stored}, 90), false},
		"of a stream that was restored":      {anew(at(7), 90), at(8), false},
		"an earlier usher told no sequence":  {at(8), Place{Stored: at(7).Stored}, true},
		"nor later than one without":         {at(6), Place{Stored: at(7).Stored}, false},
		"an earlier usher told no time":      {at(8), Place{Seq: 7}, true},
		"nothing is known of either message": {Place{}, Place{}, false},
	} {
		if got := tc.p.After(tc.q); got != tc.after {
			t.Errorf("%s: %+v after %+v is %v", name, tc.p, tc.q, got)
		}
	}
}

// What PEOPLE remembers of orders is told by their names, and what it has
// forgotten by their places: two that were stored at the same moment are two.
func TestWhatPeopleKnowOfOrders(t *testing.T) {
	welcomed := func() *Person {
		p := NewPerson("inbox", Opened{Identity: Identity{"inbox", "r1"}, Seq: 1, Stored: noon})
		p.Status = StatusWelcomed
		return &p
	}
	done := func(p *Person, v Verification) {
		t.Helper()
		if err := errors.Join(p.TakeOrder(v), p.End(Ended{Generation: p.Generation, Status: StatusWelcomed, N: p.N + 1, Order: &v.Identity})); err != nil {
			t.Fatal(err)
		}
	}
	p := welcomed()
	for seq := range uint64(MaxOrders) {
		v := order(VerbResend, 10+seq)
		v.Stored = noon // all at one moment
		done(p, v)
	}
	for name, tc := range map[string]struct {
		v     Verification
		wants error
	}{
		"one that is remembered":     {order(VerbResend, 12), RefusedKnown},
		"one at the same moment":     {Verification{Identity: Identity{SourceCLI, "x"}, Verb: VerbResend, Seq: 99, Stored: noon}, nil},
		"older than all":             {Verification{Identity: Identity{SourceCLI, "x"}, Verb: VerbResend, Seq: 9, Stored: noon}, RefusedLate},
		"a withdrawal, older or not": {Verification{Identity: Identity{SourceCLI, "x"}, Verb: VerbWithdrawn, Seq: 9, Stored: noon}, nil},
	} {
		now := *p
		if err := now.TakeOrder(tc.v); !errors.Is(err, tc.wants) {
			t.Errorf("%s: got %v, want %v", name, err, tc.wants)
		}
	}

	// They come in any order, and the oldest is forgotten first.
	p = welcomed()
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(MaxOrders) {
		done(p, order(VerbResend, uint64(20+i)))
	}
	done(p, order(VerbResend, 99))
	if p.Did(order("", 20).Identity) || !p.Did(order("", 21).Identity) {
		t.Errorf("PEOPLE remembers %v", p.Orders)
	}
}

// A withdrawal that was said after a reopening is the last word, though the
// reopening had to wait for what was being done.
func TestAReopeningThatWasOvertaken(t *testing.T) {
	p := NewPerson("inbox", Opened{Seq: 1, Stored: noon})
	if err := p.End(Ended{Generation: 1, Status: StatusWithdrawn, Decided: &Decided{Verb: VerbWithdrawn, Seq: 11, At: at(11).Stored}}); err != nil {
		t.Fatal(err)
	}
	if err := p.Reopen(order(VerbReopened, 10)); !errors.Is(err, RefusedLate) {
		t.Errorf("a reopening from before the withdrawal: %v", err)
	}
	if err := p.Reopen(order(VerbReopened, 12)); err != nil {
		t.Error(err)
	}
}

// PEOPLE of an earlier usher is read as it is: what it had taken stays taken.
func TestPeopleOfAnEarlierUsher(t *testing.T) {
	var p Person
	if err := json.Unmarshal([]byte(`{"source":"inbox","generation":1,"status":"welcomed","opened":{"source":"inbox","id":"r1","seq":4,"stored":"2026-11-28T12:00:00Z"},
		"record":4,"orders":[{"source":"cli","id":"o1","stored":"2026-11-28T13:00:00Z"}],"order":{"source":"cli","id":"o1"}}`), &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil || p.Order == nil || p.Order.ID != "o1" || !p.Did(Identity{"cli", "o1"}) {
		t.Errorf("%v, %+v", err, p)
	}
	if got, want := p.RecordPlace(), (Place{Seq: 4, Stored: noon}); got != want {
		t.Errorf("the record stands at %+v, want %+v", got, want)
	}
	if err := p.TakeOrder(order(VerbResend, 9)); !errors.Is(err, RefusedOrder) {
		t.Errorf("another order: %v", err)
	}
}

// Whatever happens to a person in whatever order, each verb either keeps what
// Check says or leaves the record as it was; and what one record cannot tell
// holds from each to the next.
func TestWhateverHappensToAPerson(t *testing.T) {
	said := map[string]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 14))
		p := NewPerson("inbox", Opened{Identity: Identity{"inbox", "r1"}, Seq: 1, Stored: at(1).Stored})
		taken := map[Identity]int{}
		for step := range 60 {
			before := copyOf(t, p)
			name, err := anything(r, &p)
			if err == nil {
				said[name]++
			} else {
				said[name+": "+err.Error()]++
				if after := copyOf(t, p); !reflect.DeepEqual(before, after) {
					t.Fatalf("seed %d, step %d: %s refused with %v and left %+v, was %+v", seed, step, name, err, after, before)
				}
			}
			if err := p.Check(); err != nil {
				t.Fatalf("seed %d, step %d: after %s: %v", seed, step, name, err)
			}
			if err := succeeds(before, p, taken); err != nil {
				t.Fatalf("seed %d, step %d: %s: %v\n%+v\n%+v", seed, step, name, err, before, p)
			}
		}
	}
	for _, name := range []string{"keep", "reopen", "take", "decline", "drop", "end", "activated", "deactivated", "send", "forget", "account failed"} {
		if said[name] == 0 {
			t.Errorf("no person went through %s: %v", name, said)
		}
	}
	for _, r := range []Refusal{RefusedForgotten, RefusedGeneration, RefusedOpen, RefusedOver, RefusedOrder, RefusedKnown, RefusedLate, RefusedNothing, RefusedTaken} {
		found := false
		for s := range said {
			found = found || len(s) > len(r) && s[len(s)-len(r):] == string(r)
		}
		if !found {
			t.Errorf("nothing was refused because %s", r)
		}
	}
}

func copyOf(t *testing.T, p Person) (out Person) {
	t.Helper()
	b, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// anything lets one thing happen, or be said again, or come late.
func anything(r *rand.Rand, p *Person) (name string, err error) {
	g := max(1, p.Generation-r.IntN(2))
	seq := 1 + r.Uint64N(40)
	switch name = []string{"keep", "reopen", "take", "take", "drop", "end", "end", "activated", "deactivated", "send", "send", "forget", "account failed", "decline"}[r.IntN(14)]; name {
	case "keep":
		err = p.KeepRecord(g, at(seq))
	case "reopen":
		err = p.Reopen(order(VerbReopened, seq))
	case "take":
		err = p.TakeOrder(order([]string{VerbResend, VerbWithdrawn}[r.IntN(2)], seq))
	case "decline":
		v := order([]string{VerbResend, VerbWithdrawn, VerbReopened}[r.IntN(3)], seq)
		err = p.Decline(v.Decline(EffectLate, g))
	case "drop":
		if err = p.DropOrder(order("", seq).Identity); p.Order != nil && r.IntN(4) == 0 {
			err = p.DropOrder(p.Order.Identity)
		}
	case "end":
		e := Ended{Generation: g, Status: []Status{StatusWelcomed, StatusUnreached, StatusPartlyWelcomed, StatusRejected, StatusExpired, StatusWithdrawn, StatusWaiting}[r.IntN(7)], N: max(0, p.N+r.IntN(4)-1), Record: at(r.Uint64N(40))}
		if r.IntN(2) == 0 {
			e.Decided = &Decided{Identity: Identity{"crm", "v"}, Seq: seq, At: at(seq).Stored}
		}
		if p.Order != nil && r.IntN(2) == 0 {
			e.Order = &p.Order.Identity
		}
		for range r.IntN(3) {
			s := 1 + r.Uint64N(40)
			e.Orders = append(e.Orders, Order{Identity: order("", s).Identity, Place: at(s)})
		}
		err = p.End(e)
	case "activated":
		err = p.Activated(g, Account{Target: "scim", Ref: fmt.Sprint(r.IntN(2)), Created: r.IntN(2) == 0})
	case "account failed":
		err = p.AccountFailed(g, Trouble{Target: "scim", Reason: "config", Tries: 1, At: at(seq).Stored})
	case "deactivated":
		err = p.Deactivated(g)
	case "send":
		states := []SendState{SendSubmitting, SendAccepted, SendDelivered, SendBounced, SendFailed, SendUnknown}
		_, err = p.ChangeSend(SendKey(g, PurposeWelcome, ChannelEmail, 1+r.IntN(2)), func(s *Send) error {
			s.State, s.At = states[r.IntN(len(states))], at(seq).Stored
			return nil
		})
	case "forget":
		if r.IntN(10) > 0 {
			return "nothing", nil
		}
		err = p.Forget()
	}
	return name, err
}

// succeeds tells what is wrong with the step from was to is. taken counts how
// often PEOPLE took each order.
func succeeds(was, is Person, taken map[Identity]int) error {
	anew := is.Generation == was.Generation+1
	gone := is.Forgotten && !was.Forgotten
	rules := []struct {
		holds bool
		says  string
	}{
		{is.Source == was.Source, "a person stays with the inbox"},
		{is.Generation == was.Generation || anew, "generations follow each other"},
		{!anew || was.Status.Final() && was.Order == nil && is.Status == StatusWaiting, "a generation begins when the last one is over, and waits"},
		{anew || !was.Status.Final() || is.Status.Final(), "what is over stays over in its generation"},
		{anew || gone || is.N >= was.N, "a later end stays"},
		{gone || was.Record == 0 || !was.RecordPlace().After(is.RecordPlace()), "a record never gives way to an older one"},
		{was.Order == nil || is.Order == nil || is.Order.Identity == was.Order.Identity, "no order takes another's place"},
		{anew || gone || was.Account == nil || is.Account != nil, "an account is not lost"},
	}
	for key, s := range was.Sends {
		rules = append(rules, struct {
			holds bool
			says  string
		}{gone || !s.Taken() || is.Sends[key].Taken(), "what a provider took stays taken"})
	}
	if is.Order != nil && was.Order == nil {
		taken[is.Order.Identity]++
		forgot := len(was.Orders) == MaxOrders && !slices.ContainsFunc(was.Orders, func(o Order) bool { return o.Identity == is.Order.Identity })
		rules = append(rules, struct {
			holds bool
			says  string
		}{taken[is.Order.Identity] == 1 || forgot && is.Order.Verb == VerbWithdrawn, "an order is taken once"})
	}
	if was.Order != nil && is.Order == nil && !is.Did(was.Order.Identity) && len(is.Orders) < MaxOrders {
		delete(taken, was.Order.Identity) // given up
	}
	for _, r := range rules {
		if !r.holds {
			return errors.New(r.says)
		}
	}
	return nil
}

// Once the account is usable nothing is said to stand in its way.
func TestTroubleEndsWithTheAccount(t *testing.T) {
	p := NewPerson("inbox", Opened{Seq: 1, Stored: noon})
	if err := p.AccountFailed(1, Trouble{Target: "scim", Reason: "config", Tries: 2, At: noon}); err != nil || p.Trouble == nil {
		t.Fatalf("%v, %+v", err, p.Trouble)
	}
	if err := p.Activated(1, Account{Target: "scim"}); err != nil || p.Trouble != nil {
		t.Errorf("%v, %+v", err, p.Trouble)
	}
}
