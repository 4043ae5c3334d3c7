package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher/app/sim/wire"
	"usher/event"
)

// plan is what a seed does: three faults, each at a step that is counted and not
// at a time, so that the same seed does the same again as far as the goroutines'
// turns allow.
type plan struct {
	seed   uint64
	rand   *rand.Rand    // of the stories; one goroutine uses it
	answer time.Duration // that providers take for an answer
	faults []*fault

	troubleFrom, troubleFor time.Duration // while providers take nothing

	paused              event.Stage // by an operator; "" is none
	pauseFrom, pauseFor time.Duration

	mu      sync.Mutex
	on      bool
	steps   map[string]int // by process and destination, or by method
	denied  time.Time      // until then Temporal does not know who calls
	excused bool           // an answer of a provider may have been lost

	nats, temporal outage // the last one of each
}

// outage is a time in which no process reaches a server.
type outage struct {
	long  time.Duration
	until time.Time
}

// fault is one trouble, at the nth step of its kind.
type fault struct {
	what string
	at   string // "worker1>smtp": a write of a process; "SignalWorkflowExecution": a call
	nth  int
	mute bool // the step itself still happens
	long time.Duration
	done bool
}

func (f fault) String() string {
	s := fmt.Sprintf("%s at step %d of %s", f.what, f.nth, f.at)
	if f.mute {
		s += ", which happens"
	}
	if f.long > 0 {
		s += " for " + f.long.String()
	}
	return s
}

// newPlan draws what the seed does.
func newPlan(seed uint64) *plan {
	r := rand.New(rand.NewPCG(seed, 14))
	p := &plan{seed: seed, rand: rand.New(rand.NewPCG(seed, 15)), steps: map[string]int{}}
	p.answer = pick(r, time.Millisecond, 20*time.Millisecond, 200*time.Millisecond, 2*time.Second, 12*time.Second)
	if r.IntN(3) == 0 {
		p.troubleFrom, p.troubleFor = time.Duration(r.IntN(60))*time.Second, pick(r, 5*time.Second, time.Minute, 4*time.Minute)
	}
	for range 3 {
		p.faults = append(p.faults, draw(r))
	}
	if r := rand.New(rand.NewPCG(seed, 17)); r.IntN(4) == 0 {
		p.paused = pick(r, event.Stages()...)
		p.pauseFrom, p.pauseFor = time.Duration(r.IntN(40_000))*time.Millisecond, pick(r, 5*time.Second, time.Minute, 4*time.Minute)
	}
	return p
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// names of the destinations in steps.
var places = map[string]string{addrNATS: "nats", addrTemporal: "temporal", addrSMTP: "smtp", addrSMS: "sms"}

// Steps that a seed without faults makes, roughly: a fault beyond them never
// happens.
var ranges = map[string]int{
	"bridge>nats": 400, "bridge>temporal": 150, "worker>nats": 300, "worker>temporal": 500, "worker>smtp": 80, "worker>sms": 12, "watch>nats": 60,
	"StartWorkflowExecution": 30, "SignalWorkflowExecution": 40, "SignalWithStartWorkflowExecution": 10, "RespondWorkflowTaskCompleted": 120,
	"RespondActivityTaskCompleted": 50, "RecordActivityTaskHeartbeat": 10, "DescribeWorkflowExecution": 8,
}

// ofBridges are the calls that bridges make, which may have a proxy of their own.
var ofBridges = map[string]bool{"StartWorkflowExecution": true, "SignalWorkflowExecution": true, "SignalWithStartWorkflowExecution": true, "DescribeWorkflowExecution": true}

func draw(r *rand.Rand) *fault {
	f := &fault{mute: r.IntN(2) == 0}
	side := pick(r, "bridge", "bridge", "worker", "worker", "worker", "watch")
	where := func(side string) string {
		switch side {
		case "watch":
			return "nats"
		case "bridge":
			return pick(r, "nats", "temporal")
		}
		return pick(r, "nats", "temporal", "smtp", "sms")
	}
	at := func(side, to string) {
		f.nth = 1 + r.IntN(ranges[side+">"+to])
		if side != "watch" { // of the others there are two
			side += pick(r, "1", "2")
		}
		f.at = side + ">" + to
	}
	call := func() {
		f.at = pick(r, "StartWorkflowExecution", "SignalWorkflowExecution", "SignalWithStartWorkflowExecution", "RespondWorkflowTaskCompleted",
			"RespondActivityTaskCompleted", "RecordActivityTaskHeartbeat", "DescribeWorkflowExecution")
		f.nth = 1 + r.IntN(ranges[f.at])
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		f.what, f.long = "kill", pick(r, 100*time.Millisecond, 2*time.Second, 20*time.Second)
		if side == "watch" { // its files cannot be cut off
			f.what = "freeze"
		}
		at(side, where(side))
	case 3:
		f.what = "cut"
		at(side, where(side))
	case 4:
		f.what, f.long = "freeze", pick(r, time.Second, 7*time.Second, 20*time.Second, 50*time.Second)
		at(side, where(side))
	case 5:
		f.what, f.long = "hold nats", pick(r, time.Second, 7*time.Second, 40*time.Second, 2*time.Minute)
		at(side, where(side))
	case 6:
		f.what, f.long = "hold temporal", pick(r, time.Second, 7*time.Second, 40*time.Second, 2*time.Minute)
		at(side, where(side))
	case 7:
		f.what, f.long = "hold smtp", pick(r, time.Second, 7*time.Second, 40*time.Second)
		at("worker", pick(r, "smtp", "sms"))
	case 8:
		f.what, f.long = "delay", pick(r, 500*time.Millisecond, 5*time.Second, 18*time.Second)
		call()
	case 9:
		f.what = "lose" // the answer, or the call
		call()
	case 10:
		f.what, f.long = "deny", pick(r, 10*time.Second, time.Minute, 8*time.Minute)
		call()
		f.at, f.nth = "SignalWorkflowExecution", 1+f.nth%ranges["SignalWorkflowExecution"] // which bridges alone ask for
	default:
		f.what, f.long = "restart nats", pick(r, 100*time.Millisecond, 5*time.Second)
		at(side, where(side))
	}
	return f
}

// begin lets faults happen from now on.
func (p *plan) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = true
}

// end lets no more faults happen: what is at rest is looked at by the stage itself.
func (p *plan) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = false
}

// due counts a step and returns the faults that happen at it.
func (p *plan) due(step string) (out []*fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on {
		return nil
	}
	p.steps[step]++
	for _, f := range p.faults {
		if !f.done && f.at == step && p.steps[step] >= f.nth {
			f.done = true
			out = append(out, f)
		}
	}
	return out
}

// busy tells whether providers take nothing now.
func (p *plan) busy(now time.Duration) bool {
	return p.troubleFor > 0 && now >= p.troubleFrom && now < p.troubleFrom+p.troubleFor
}

func (p *plan) excuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.excused = true
}

// Outages beyond which neither server has an answer in time: the ledger is told only
// for so long that a message was not handed over, and Temporal gives a step up that it
// has not heard of for a heartbeat.
const (
	natsAway     = time.Second
	temporalAway = 5 * time.Second
)

// away notes an outage of NATS or Temporal. An answer that the ledger does not take
// travels with Temporal, so it can be lost only when both are away.
func (p *plan) away(o *outage, long time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if end := now.Add(long); end.After(o.until) {
		*o = outage{long, end}
	}
	both := now.Before(p.nats.until) && now.Before(p.temporal.until)
	if both && p.nats.long > natsAway && p.temporal.long > temporalAway {
		p.excused = true
	}
}

// step is called before each write of a process.
func (w *world) step(name string, h *wire.Host, to string, _ []byte) wire.Fate {
	out := wire.Pass
	place := places[to]
	for _, f := range w.plan.due(name + ">" + place) {
		w.trace.say("fault", f.String())
		fate := wire.Lose
		if f.mute {
			fate = wire.Mute
		}
		provider := place == "smtp" || place == "sms"
		switch f.what {
		case "kill":
			if strings.HasPrefix(name, "worker") {
				w.plan.excuse()
			}
			w.kill(name, h, f.long)
			out = wire.Lose
		case "cut":
			if provider {
				w.plan.excuse()
			}
			out = fate
		case "freeze":
			time.AfterFunc(f.long, h.Hold())
			if provider || strings.HasPrefix(name, "worker") {
				w.plan.excuse() // a frozen process cannot show that it is alive
			}
		case "hold nats":
			w.plan.away(&w.plan.nats, f.long)
			time.AfterFunc(f.long, w.net.Hold(addrNATS))
		case "hold temporal":
			w.plan.away(&w.plan.temporal, f.long)
			time.AfterFunc(f.long, w.net.Hold(addrTemporal))
		case "hold smtp":
			time.AfterFunc(f.long, w.net.Hold(addrSMTP))
		case "restart nats":
			w.plan.away(&w.plan.nats, f.long)
			w.ending.Go(func() { w.restartNATS(f.long) })
		}
	}
	return out
}

// restartNATS does nothing while it is down already: two faults may ask for it.
func (w *world) restartNATS(after time.Duration) {
	if !w.restarting.CompareAndSwap(false, true) {
		return
	}
	defer w.restarting.Store(false)
	w.stopNATS()
	time.Sleep(after)
	if err := w.startNATS(); err != nil {
		w.trace.fail("NATS did not start again: " + err.Error())
	}
}

// between is called at each call of Temporal's frontend.
func (w *world) between(ctx context.Context, q any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	for _, f := range w.plan.due(method) {
		w.trace.say("fault", f.String())
		switch f.what {
		case "delay":
			time.Sleep(f.long)
		case "lose":
			if f.mute {
				if a, err := handle(ctx, q); err != nil {
					return a, err
				}
			}
			return nil, status.Error(codes.Unavailable, "the answer was lost")
		case "deny":
			w.plan.mu.Lock()
			w.plan.denied = time.Now().Add(f.long)
			w.plan.mu.Unlock()
		}
	}
	w.plan.mu.Lock()
	denied := time.Now().Before(w.plan.denied)
	w.plan.mu.Unlock()
	if denied && ofBridges[method] {
		return nil, status.Error(codes.Unauthenticated, "the token has expired")
	}
	return handle(ctx, q)
}
