package workflows

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"usher/event"
)

// pulse reports that an activity is alive, so that a killed worker's send is taken
// over within the heartbeat timeout. Each report is an action to pay for, so a quick
// send makes none.
//
// Once an answer is known that the ledger did not take, the reports carry it to the
// next try, each one, because a report without it would erase it.
//
// Reports go on when one has failed, which the SDK takes for the end of the
// activity. Those with an answer go past the SDK's buffer, because only then it is
// known that they have arrived.
type pulse struct {
	token []byte
	guard event.Guard
	news  chan struct{}

	telling sync.Mutex // one report at a time

	mu     sync.Mutex
	answer *event.Answer
	told   bool // Temporal has it
	over   bool // Temporal takes no report of this try any more
}

// newPulse takes up what an earlier try of the activity carried. Its error says that
// there is something that cannot be read.
func newPulse(ctx context.Context, guard event.Guard) (*pulse, error) {
	p := &pulse{guard: guard, token: activity.GetInfo(ctx).TaskToken, news: make(chan struct{}, 1)}
	if !activity.HasHeartbeatDetails(ctx) {
		return p, nil
	}
	var n event.Answer
	if err := activity.GetHeartbeatDetails(ctx, &n); err != nil {
		return nil, fmt.Errorf("an answer that an earlier try carried cannot be read: %w", err)
	}
	p.answer, p.told = &n, true
	return p, nil
}

// carried is the answer that the reports carry, nil when there is none.
func (p *pulse) carried() *event.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer
}

// keep has the answer reported at once, and with each report from now on.
func (p *pulse) keep(n event.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer != nil && p.answer.Token == n.Token && p.answer.State == n.State && p.answer.At.Equal(n.At) {
		return
	}
	p.answer, p.told = &n, false
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// start reports until the returned function is called.
func (p *pulse) start(ctx context.Context) (stop func()) {
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		t := time.NewTicker(timeout / 3)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-p.news:
			case <-ctx.Done():
				return
			}
			_ = p.guard.Do("reporting that a step is alive", func() error { p.report(ctx, timeout); return nil }) // the next report follows
		}
	}()
	return func() { cancel(); <-gone }
}

// report tells Temporal that the activity is alive, and what it carries.
func (p *pulse) report(ctx context.Context, within time.Duration) {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	n, over := p.answer, p.over
	p.mu.Unlock()
	switch {
	case over:
		return
	case n == nil:
		activity.RecordHeartbeat(ctx)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := activity.GetClient(ctx).RecordActivityHeartbeat(ctx, p.token, *n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = errors.As(err, new(*serviceerror.NotFound))
	if p.answer == n && (err == nil || temporal.IsCanceledError(err) || errors.Is(err, activity.ErrActivityPaused) || errors.Is(err, activity.ErrActivityReset)) {
		p.told = true // what Temporal wants of the activity comes with its thanks
	}
}

// handOverFor is how long an answer is tried to be reported at the end of a try.
const handOverFor = 5 * time.Second

// handOver returns once Temporal has the answer that is carried, or takes none, or
// does not answer.
func (p *pulse) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOverFor)
	defer cancel()
	for pause := 10 * time.Millisecond; !p.settled(); pause = min(2*pause, time.Second) {
		p.report(ctx, time.Second)
		if p.settled() {
			return
		}
		if !event.Sleep(ctx, pause) {
			return
		}
	}
}

// kept tells whether Temporal has the answer that is carried.
func (p *pulse) kept() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// settled tells that nothing is left to report.
func (p *pulse) settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer == nil || p.told || p.over
}
