package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher/event"
	"usher/metrics"
	"usher/streams/natstest"
)

// hooked is Workflows with something that happens before each start.
type hooked struct {
	*runs
	start func(in event.Onboarding) error
}

func (h hooked) Start(ctx context.Context, id event.Identity, in event.Onboarding) error {
	if err := h.start(in); err != nil {
		return err
	}
	return h.runs.Start(ctx, id, in)
}

// hook makes the next bridge ask before each start.
func (r *rig) hook(start func(in event.Onboarding) error) {
	r.with = func(c *Config) { c.Workflows = hooked{r.runs, start} }
}

func (r *rig) users(n int) {
	for i := range n {
		r.user(fmt.Sprint("r", i), fmt.Sprint("u-", i))
	}
}

// A server that comes and goes costs the messages that wait for it no delivery and
// no wait for their time to run out: there are more of them than hands, Temporal is
// slow, and half the time it is away.
func TestAServerThatComesAndGoesCostsNoDelivery(t *testing.T) {
	r := newRig(t)
	const n = 400
	var flaps, calls atomic.Int64
	r.hook(func(event.Onboarding) error {
		c := calls.Add(1)
		select { // a slow Temporal
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
		if c%40 >= 35 { // the last calls of each forty
			flaps.Add(1)
			return serviceerror.NewUnavailable("gone again")
		}
		return nil
	})
	log := &natstest.Output{}
	hook := r.with
	r.with = func(c *Config) { hook(c); c.Log = slog.New(slog.NewTextHandler(log, nil)) }
	r.users(n)
	r.run()
	r.waitOutcomes(map[string]float64{"USERS started": n})
	if again := r.redelivered(event.StreamUsers, event.ConsumerUsers); again > 0 {
		t.Errorf("%d messages were delivered again", again)
	}
	closed := testutil.ToFloat64(r.metrics.BreakerClosed)
	if closed == 0 || flaps.Load() == 0 {
		t.Errorf("the breaker closed %v times after %d failures", closed, flaps.Load())
	}
	if got := strings.Count(log.String(), "messages get through again"); float64(got) != closed || !strings.Contains(log.String(), "open_for=") {
		t.Errorf("the log tells of %d times, %v were counted", got, closed)
	}
	if open := testutil.ToFloat64(r.metrics.BreakerOpen); open != 0 {
		t.Errorf("the breaker is still open: %v", open)
	}
}

// No message waits in a buffer: with all hands busy the server has handed out as
// many as there are hands.
func TestNoMoreIsTakenThanThereAreHands(t *testing.T) {
	r := newRig(t)
	busy, release := make(chan struct{}, 100), make(chan struct{})
	r.hook(func(event.Onboarding) error { busy <- struct{}{}; <-release; return nil })
	r.users(100)
	defer r.run()()
	defer close(release)
	for range 16 { // Workers
		<-busy
	}
	// What the server handed out beyond that has arrived before this answer.
	c, err := r.js.Consumer(t.Context(), event.StreamUsers, event.ConsumerUsers)
	if err != nil {
		t.Fatal(err)
	}
	if i := c.CachedInfo(); i.NumAckPending != 16 || i.NumPending != 84 {
		t.Errorf("%d are in hand and %d wait, with 16 hands", i.NumAckPending, i.NumPending)
	}
}

// Whatever a server answers, wrong credentials in front of Temporal and codes that
// not known included, no message is given up for it, and all go on afterwards.
func TestWhatAServerAnswersBuriesNothing(t *testing.T) {
	for _, code := range []codes.Code{codes.Unauthenticated, codes.Unimplemented, codes.Unknown, codes.Internal} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel() // it waits, mostly
			r := newRig(t)
			temporal := &answering{code: code}
			r.with = func(c *Config) {
				c.Workflows, c.MaxDeliver, c.AckWait = NewTemporal(newFrontend(t, &temporal.frontend)), 3, time.Minute
			}
			temporal.bad.Store(true)
			temporal.frontend.start = temporal.answer
			r.users(2)
			r.run()
			r.within(time.Minute, func() error { // more tries than two messages have
				if n := temporal.asked.Load(); n < 8 || r.bridge.Ready() == nil {
					return fmt.Errorf("Temporal was asked %d times, the bridge says %v", n, r.bridge.Ready())
				}
				return nil
			})
			if got := r.messages(event.StreamDeadLetters, ""); len(got) > 0 {
				t.Errorf("dead letters: %v", got)
			}
			temporal.bad.Store(false)
			r.users(40) // the first two once more
			r.waitOutcomes(map[string]float64{"USERS started": 42})
			if again := r.redelivered(event.StreamUsers, event.ConsumerUsers); again > 0 {
				t.Errorf("%d messages were delivered again", again)
			}
		})
	}
}

// answering is a Temporal behind a proxy that answers all starts in one way.
type answering struct {
	frontend frontend
	code     codes.Code
	bad      atomic.Bool
	asked    atomic.Int64
}

func (a *answering) answer() error {
	a.asked.Add(1)
	if a.bad.Load() {
		return status.Error(a.code, "not now")
	}
	return nil
}

func TestKindsOfErrors(t *testing.T) {
	sent := func(code codes.Code) error { // as the client reads it
		return answered(wrap("start the workflow", serviceerror.FromStatus(status.New(code, "words"))))
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		want := away
		switch code {
		case codes.InvalidArgument:
			want = permanent
		case codes.ResourceExhausted:
			want = busy
		}
		if got := classify(sent(code)); got != want {
			t.Errorf("%s is of kind %d, want %d", code, got, want)
		}
	}
	for want, errs := range map[kind][]error{
		away: {
			answered(errors.New("whatever")), answered(nats.ErrTimeout), answered(nats.ErrNoResponders), context.DeadlineExceeded,
			answered(&jetstream.APIError{ErrorCode: 10077}), answered(&jetstream.APIError{ErrorCode: 1}), answered(jetstream.ErrNoStreamResponse), errAttributes,
		},
		transient: {errors.New("the bridge's own"), answered(&jetstream.APIError{ErrorCode: 10071}), answered(jetstream.ErrKeyExists), errMoved},
		permanent: {answered(event.Permanent(errors.New("a user who cannot be read"))), answered(nats.ErrMaxPayload)},
		broken:    {fmt.Errorf("around: %w", event.Protect("bridge.handler", func() error { panic("gone") }))},
	} {
		for _, err := range errs {
			if got := classify(err); got != want {
				t.Errorf("%v is of kind %d, want %d", err, got, want)
			}
		}
	}
}

// When everything fails by what reads like its own fault, the fault is not its
// own: the consumer stops, says so, and gives up no more. The other stream goes on.
func TestWhatFailsAlikeIsNotGivenUp(t *testing.T) {
	var bad atomic.Bool
	for name, fail := range map[string]func() error{
		"refused":   func() error { return serviceerror.NewInvalidArgument("the namespace is odd") },
		"panic":     func() error { panic("a fault of this version") },
		"contended": func() error { return &jetstream.APIError{ErrorCode: 10071} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			bad.Store(true)
			var failed atomic.Int64
			r.hook(func(event.Onboarding) error {
				if bad.Load() {
					failed.Add(1)
					return fail()
				}
				return nil
			})
			hook := r.with
			r.with = func(c *Config) { hook(c); c.MaxDeliver = 2 }
			const n = 60
			r.users(n)
			r.run()
			said := int64(0) // so many had failed when it was first said
			r.eventually(func() error {
				err := r.bridge.Ready()
				if err == nil || !strings.Contains(err.Error(), "failed alike") {
					return fmt.Errorf("the bridge says %v after %d failures", err, failed.Load())
				}
				if said == 0 {
					said = failed.Load()
				}
				if failed.Load() < said+3 {
					return fmt.Errorf("it was said after %d failures, and there are %d", said, failed.Load())
				}
				return nil
			})
			r.approve("v1", "u-x")
			r.eventually(func() error {
				if n := r.outcomes()["VERIFICATIONS parked"]; n != 1 {
					return fmt.Errorf("%v decisions are parked", n)
				}
				return nil
			})
			buried := len(r.messages(event.StreamDeadLetters, ""))
			if buried >= mostAlike {
				t.Errorf("%d messages were given up", buried)
			}
			bad.Store(false)
			r.eventually(func() error {
				if got := r.outcomes()["USERS started"]; int(got)+buried != n {
					return fmt.Errorf("%v started and %d given up of %d", got, buried, n)
				}
				return nil
			})
		})
	}
}

// What the bridge itself says about users, whose workflows still run for one, holds
// up no others, and is not given up either while it is said of everybody.
func TestWhatWaitsForItsUserHoldsNobodyUp(t *testing.T) {
	r := newRig(t)
	var bad atomic.Bool
	bad.Store(true)
	const n = 3 * mostAlike
	r.hook(func(in event.Onboarding) error {
		if strings.HasPrefix(in.UserID, "u-") && bad.Load() {
			return ErrOver // and PEOPLE does not know how: it comes and goes
		}
		return nil
	})
	hook := r.with
	r.with = func(c *Config) { hook(c); c.MaxDeliver = 2 }
	r.users(n)
	r.run()
	r.eventually(func() error {
		if got := testutil.ToFloat64(r.metrics.Retries.WithLabelValues("start", "transient")); got < 2*n {
			return fmt.Errorf("%v tries failed", got)
		}
		return nil
	})
	if buried := r.outcomes()["USERS exhausted"]; buried >= mostAlike {
		t.Errorf("%v messages were given up", buried)
	}
	r.user("v1", "v-1")
	r.eventually(func() error {
		if got := r.outcomes()["USERS started"]; got != 1 {
			return fmt.Errorf("%v started", got)
		}
		return nil
	})
	if err := r.bridge.Ready(); err != nil {
		t.Error(err)
	}
	bad.Store(false)
	r.within(time.Minute, func() error {
		got := r.outcomes() // each that got through allows some more to be given up
		if got["USERS started"]+got["USERS exhausted"] < n+1 || got["USERS started"] < n/2 {
			return fmt.Errorf("the outcomes are %v", got)
		}
		return nil
	})
}

// A message that a server fails for alone holds no other up, and is not given up.
func TestAServerThatFailsForOneHoldsNobodyUp(t *testing.T) {
	r := newRig(t)
	var sick atomic.Bool
	sick.Store(true)
	r.hook(func(in event.Onboarding) error {
		if in.UserID == "u-0" && sick.Load() {
			return serviceerror.NewInternal("the shard of this user is lost")
		}
		return nil
	})
	r.run()
	r.user("r0", "u-0")
	r.eventually(func() error {
		if r.bridge.Ready() == nil {
			return errors.New("the bridge says that it is ready")
		}
		return nil
	})
	for i := 1; i <= 100; i++ {
		r.user(fmt.Sprint("r", i), fmt.Sprint("u-", i))
	}
	r.waitOutcomes(map[string]float64{"USERS started": 100})
	if got := r.messages(event.StreamDeadLetters, ""); len(got) > 0 {
		t.Errorf("dead letters: %v", got)
	}
	sick.Store(false)
	r.waitOutcomes(map[string]float64{"USERS started": 101})
}

// A part of a server that is away, as one of Temporal's shards may be, stops those
// whose users live there, more of them than there are hands, and no others.
func TestAPartOfAServerThatIsAwayStopsItsOwn(t *testing.T) {
	r := newRig(t)
	var sick atomic.Bool
	sick.Store(true)
	r.hook(func(in event.Onboarding) error {
		if in.UserID[len(in.UserID)-1]%4 == 0 && sick.Load() { // of ten digits, three
			return serviceerror.NewUnavailable("the shard has no owner")
		}
		return nil
	})
	r.users(100)
	r.run()
	r.within(time.Minute, func() error {
		if got := r.outcomes()["USERS started"]; got != 70 {
			return fmt.Errorf("%v of 70 started", got)
		}
		return nil
	})
	if got := r.messages(event.StreamDeadLetters, ""); len(got) > 0 {
		t.Errorf("dead letters: %v", got)
	}
}

// A message that the bridge panics on is tried alone, and kept in the end; the
// panics are counted and logged without what the message says.
func TestAPanicIsOneMessagesOwn(t *testing.T) {
	r := newRig(t)
	log := &natstest.Output{}
	var inHand, company, tries atomic.Int64
	r.hook(func(in event.Onboarding) error {
		others := inHand.Add(1) - 1
		defer inHand.Add(-1)
		if in.UserID == "u-7" {
			if tries.Add(1) > 1 {
				company.Add(others)
			}
			panic(errors.New("Ann Smith is not to be logged"))
		}
		return nil
	})
	hook := r.with
	r.with = func(c *Config) { hook(c); c.Log = slog.New(slog.NewTextHandler(log, nil)) }
	r.users(100)
	r.run()
	r.waitOutcomes(map[string]float64{"USERS started": 99, "USERS exhausted": 1})
	if d := cmp.Diff([]string{"USERS.exhausted"}, r.messages(event.StreamDeadLetters, "deadletters.v1.")); d != "" {
		t.Errorf("dead letters (-want +got)\n%s", d)
	}
	if tries.Load() != mostBroken || company.Load() > 0 {
		t.Errorf("it was tried %d times, with %d others in hand after the first", tries.Load(), company.Load())
	}
	if n := testutil.ToFloat64(r.metrics.Panics.WithLabelValues("bridge")); n != mostBroken {
		t.Errorf("%v panics were counted", n)
	}
	if s := log.String(); strings.Contains(s, "Ann") || !strings.Contains(s, "trouble_test.go") {
		t.Errorf("the log says\n%s", s)
	}
}

// All bridges hear that the server has given a message up, and one counts it.
func TestAMessageThatIsGivenUpIsCountedOnce(t *testing.T) {
	r := newRig(t)
	var counters []*metrics.Bridge
	for range 3 {
		r.run()
		counters = append(counters, r.metrics)
	}
	// An operator's tool takes one and terminates it, once a bridge has made the consumer.
	var cons jetstream.Consumer
	r.eventually(func() (err error) {
		cons, err = r.js.Consumer(t.Context(), event.StreamVerifications, event.ConsumerVerifications)
		return err
	})
	for _, c := range []string{"a", "b"} {
		taken := make(chan jetstream.Msg, 1)
		go func() {
			m, err := cons.Next(jetstream.FetchMaxWait(15 * time.Second))
			if err != nil {
				t.Error(err)
			}
			taken <- m
		}()
		var m jetstream.Msg
		for i := 0; m == nil; i++ { // others may be faster
			r.approve(fmt.Sprint("v", c, i), fmt.Sprint("u", c, i))
			select {
			case m = <-taken:
			default:
			}
		}
		if err := m.TermWithReason("a script"); err != nil {
			t.Fatal(err)
		}
	}
	r.eventually(func() error {
		if got := r.messages(event.StreamDeadLetters, ""); len(got) != 2 {
			return fmt.Errorf("dead letters %v", got)
		}
		return nil
	})
	r.eventually(func() error {
		sum := 0.0
		for _, m := range counters {
			sum += testutil.ToFloat64(m.Messages.WithLabelValues(event.StreamVerifications, exhausted))
		}
		if sum != 2 {
			return fmt.Errorf("2 messages were counted %v times", sum)
		}
		return nil
	})
}

// Every call of Temporal is within the bound.
func TestAllCallsAreBounded(t *testing.T) {
	calls := map[string]func(context.Context, Workflows) error{
		"Start": func(ctx context.Context, w Workflows) error {
			return w.Start(ctx, event.Identity{}, event.Onboarding{})
		},
		"Again": func(ctx context.Context, w Workflows) error {
			return w.Again(ctx, event.Identity{}, event.Onboarding{})
		},
		"Park": func(ctx context.Context, w Workflows) error {
			return w.Park(ctx, event.Onboarding{}, event.Verification{})
		},
		"Signal": func(ctx context.Context, w Workflows) error { return w.Signal(ctx, event.Identity{}, "", "", nil) },
		"Open":   func(ctx context.Context, w Workflows) error { _, _, err := w.Open(ctx, ""); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			w := &stuck{in: make(chan struct{}, 100), out: make(chan struct{})}
			b := newBounded(w)
			var wg sync.WaitGroup
			for range mostCalls {
				wg.Go(func() { _ = call(t.Context(), b) })
			}
			for range mostCalls {
				<-w.in
			}
			late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := call(late, b); !errors.Is(err, context.DeadlineExceeded) || classify(err) != away {
				t.Errorf("one more call says %v", err)
			}
			if len(w.in) > 0 {
				t.Error("one more call was made")
			}
			close(w.out)
			wg.Wait()
		})
	}
}

// stuck does not answer before out is closed.
type stuck struct{ in, out chan struct{} }

func (s *stuck) call(ctx context.Context) error {
	s.in <- struct{}{}
	select {
	case <-s.out:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stuck) Start(ctx context.Context, _ event.Identity, _ event.Onboarding) error {
	return s.call(ctx)
}
func (s *stuck) Again(ctx context.Context, _ event.Identity, _ event.Onboarding) error {
	return s.call(ctx)
}
func (s *stuck) Open(ctx context.Context, _ string) (string, bool, error) {
	return "", false, s.call(ctx)
}
func (s *stuck) Park(ctx context.Context, _ event.Onboarding, _ event.Verification) error {
	return s.call(ctx)
}
func (s *stuck) Signal(ctx context.Context, _ event.Identity, _, _ string, _ any) error {
	return s.call(ctx)
}
