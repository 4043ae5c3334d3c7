package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/metrics"
	"usher/streams"
)

// Canary is one user of its own who goes the whole way, from a dropped file to a
// message in a sink, to prove that the way is open. No figure about people
// counts it. What it leaves in the streams goes within an hour; its record in PEOPLE
// when it arrives, and when it does not, by the next one.
type Canary struct {
	Client       *Client
	Inbox        string // folder of the inbox `canary`, which every watcher serves
	Email, Phone string // of the sink; Phone may be empty
	Progress     func(step string, took time.Duration)

	// MayTake is how long a canary may take; one whose record was written before that
	// is withdrawn, and taken out when it is over. Default 1 h.
	MayTake time.Duration
}

// A CanaryError says at which step a canary user stopped.
type CanaryError struct {
	Step string // one of metrics.CanarySteps
	Err  error
}

func (e *CanaryError) Error() string {
	return fmt.Sprintf("the canary stopped at %s: %v", e.Step, e.Err)
}
func (e *CanaryError) Unwrap() error { return e.Err }

// what each step waits for, to say so when it does not come.
var canaryAwaits = map[string]string{
	"start":   "its workflow was not started: the file was not taken, or the bridge does not get through",
	"decide":  "its approval was not applied: VERIFICATIONS, the bridge or a worker does not get through",
	"welcome": "it was not welcomed: a worker or the delivery does not get through",
}

// sweepWithin bounds the time for cleaning up behind earlier ones; it must not cost
// the run what it may take.
const sweepWithin = 10 * time.Second

// Run takes one canary user from the file to the welcome, within the time that
// ctx leaves. Its error is a *CanaryError.
func (c Canary) Run(ctx context.Context) (took time.Duration, err error) {
	sweep, cancel := context.WithTimeout(ctx, sweepWithin)
	_ = c.sweep(sweep) // the next one goes on
	cancel()
	began, step := time.Now(), "drop"
	fail := func(err error) (time.Duration, error) {
		if ctx.Err() != nil && canaryAwaits[step] != "" {
			err = errors.New(canaryAwaits[step])
		}
		return time.Since(began), &CanaryError{step, err}
	}
	js := c.Client.JetStream
	facts, err := js.OrderedConsumer(ctx, event.StreamOnboarding, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return fail(err)
	}
	msgs, err := facts.Messages()
	if err != nil {
		return fail(err)
	}
	defer func() { msgs.Stop(); streams.Leave(ctx, js, event.StreamOnboarding, facts) }()
	id := event.NewCanaryID()
	file := fmt.Sprintf("user_id,name,email,phone,locale\n%s,Canary,%s,%s,en\n", id, c.Email, c.Phone)
	if err := dropCanary(c.Inbox, id, file); err != nil {
		return fail(err)
	}
	done := func(next string) {
		if c.Progress != nil {
			c.Progress(step, time.Since(began))
		}
		step = next
	}
	done("start")
	for {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fail(err)
		}
		var f event.Fact
		if json.Unmarshal(m.Data(), &f) != nil || f.UserID != id {
			continue
		}
		switch {
		case f.Kind == event.FactStarted:
			done("decide")
			if err := c.Client.Publisher.Verification(ctx, event.SourceCanary, event.VerbApproved, event.NewID(), event.VerificationBody{UserID: id}); err != nil {
				return fail(err)
			}
		case f.Kind == event.FactApproved:
			done("welcome")
		case f.Status == event.StatusWelcomed:
			took = time.Since(began)
			done("clean")
			if err := (streams.Canaries{JetStream: js}).Forget(ctx, id); err != nil {
				return took, &CanaryError{step, fmt.Errorf("it was welcomed, and its record cannot be taken out: %w", err)}
			}
			done("")
			return took, nil
		case f.Status.Final():
			return fail(fmt.Errorf("it ended %s", f.Status))
		}
	}
}

// dropCanary puts the file into the inbox by rename. A folder that nobody made
// is one that no watcher serves.
func dropCanary(inbox, name, content string) error {
	tmp := filepath.Join(inbox, "."+name)
	if err := os.WriteFile(tmp, []byte(content), 0o640); err != nil {
		return fmt.Errorf("the folder of canary files cannot be used; a watcher makes it: %w", event.Innermost(err))
	}
	return os.Rename(tmp, filepath.Join(inbox, name+".csv"))
}

// sweep takes out the records of earlier canaries that are over, and withdraws those
// that are not: a record that goes while its run goes on would come back.
func (c Canary) sweep(ctx context.Context) error {
	before := time.Now().Add(-cmp.Or(c.MayTake, time.Hour))
	files, _ := filepath.Glob(filepath.Join(c.Inbox, event.SourceCanary+".*.csv")) // the pattern is good
	for _, f := range files {                                                      // no watcher took it
		if i, err := os.Stat(f); err == nil && i.ModTime().Before(before) {
			_ = os.Remove(f)
		}
	}
	records := streams.Canaries{JetStream: c.Client.JetStream}
	old, err := records.Old(ctx, before)
	for id, p := range old {
		if p.Status.Final() {
			err = errors.Join(err, records.Forget(ctx, id))
			continue
		}
		body := event.VerificationBody{UserID: id, Reason: "the canary did not arrive"}
		err = errors.Join(err, c.Client.Publisher.Verification(ctx, event.SourceCLI, event.VerbWithdrawn, "end-"+id, body)) // one event, however often it is said
	}
	return err
}

// canaryLimit is how long a canary may take that is sent so often.
func canaryLimit(every time.Duration) time.Duration { return max(every, time.Minute) }

// canaries makes a run from time to time and exports how it went.
func (p *process) canaries(c Canary, m *metrics.Canary) func(context.Context) error {
	return func(ctx context.Context) error {
		t := time.NewTicker(p.Config.Canary)
		defer t.Stop()
		for {
			run, cancel := context.WithTimeout(ctx, canaryLimit(p.Config.Canary))
			var took time.Duration
			err := p.life.guard.Do("sending a canary user", func() (err error) { took, err = c.Run(run); return err })
			cancel()
			var stopped *CanaryError
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.As(err, &stopped):
				m.Runs.WithLabelValues("failed", stopped.Step).Inc()
				p.Log.Warn("a canary user did not arrive", "step", stopped.Step, "error", stopped.Err)
			case err != nil: // a panic, which was counted and told of; at which step is not known
			default:
				m.Runs.WithLabelValues("welcomed", "").Inc()
				m.Seconds.Observe(took.Seconds())
				m.Last.SetToCurrentTime()
			}
			select {
			case <-t.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// sinkAddress is where canary messages go when the catcher takes them: a domain
// that never resolves (RFC 2606).
const sinkAddress = "canary@usher.invalid"

func (p *process) startCanary(ctx context.Context) error {
	if p.Config.Canary <= 0 {
		return nil
	}
	c := Canary{
		Client: &Client{JetStream: p.js, People: p.people, Publisher: p.pub},
		Inbox:  p.path(event.SourceCanary), Email: p.CanaryEmail, Phone: p.CanaryPhone, MayTake: 2 * canaryLimit(p.Config.Canary),
	}
	if c.Email == "" {
		c.Email = sinkAddress
	}
	p.life.start(ctx, part{"canary", p.canaries(c, metrics.NewCanary(p.registry)), time.Second})
	return nil
}
