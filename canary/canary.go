package canary

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

	"usher/disk"
	"usher/event"
	"usher/streams"
)

// Journey is one canary user on the whole way.
type Journey struct {
	JetStream    jetstream.JetStream
	Publisher    *streams.Publisher
	Inbox        string // folder of the inbox `canary`, which every watcher serves
	Email, Phone string // of the sink; Phone may be empty
	Progress     func(step string, took time.Duration)

	// MayTake is how long a canary may take; one whose record was written before that
	// is withdrawn, and taken out when it is over. Default 1 h.
	MayTake time.Duration
}

// An Error says at which step a canary user stopped.
type Error struct {
	Step string // one of metrics.CanarySteps
	Err  error
}

func (e *Error) Error() string {
	return fmt.Sprintf("the canary stopped at %s: %v", e.Step, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// what each step waits for, to say so when it does not come.
var awaits = map[string]string{
	"start":   "its workflow was not started: the file was not taken, or the bridge does not get through",
	"decide":  "its approval was not applied: VERIFICATIONS, the bridge or a worker does not get through",
	"welcome": "it was not welcomed: a worker or the delivery does not get through",
}

// sweepWithin bounds the time for cleaning up behind earlier ones; it must not cost
// the run what it may take.
const sweepWithin = 10 * time.Second

// Run takes one canary user from the file to the welcome, within the time that
// ctx leaves. Its error is a *Error.
func (j Journey) Run(ctx context.Context) (took time.Duration, err error) {
	sweep, cancel := context.WithTimeout(ctx, sweepWithin)
	_ = j.sweep(sweep) // the next one goes on
	cancel()
	began, step := time.Now(), "drop"
	fail := func(err error) (time.Duration, error) {
		if ctx.Err() != nil && awaits[step] != "" {
			err = errors.New(awaits[step])
		}
		return time.Since(began), &Error{step, err}
	}
	js := j.JetStream
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
	file := fmt.Sprintf("user_id,name,email,phone,locale\n%s,Canary,%s,%s,en\n", id, j.Email, j.Phone)
	if err := drop(j.Inbox, id, file); err != nil {
		return fail(err)
	}
	done := func(next string) {
		if j.Progress != nil {
			j.Progress(step, time.Since(began))
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
			if err := j.Publisher.Verification(ctx, event.SourceCanary, event.VerbApproved, event.NewID(), event.VerificationBody{UserID: id}); err != nil {
				return fail(err)
			}
		case f.Kind == event.FactApproved:
			done("welcome")
		case f.Status == event.StatusWelcomed:
			took = time.Since(began)
			done("clean")
			if err := (streams.Canaries{JetStream: js}).Forget(ctx, id); err != nil {
				return took, &Error{step, fmt.Errorf("it was welcomed, and its record cannot be taken out: %w", err)}
			}
			done("")
			return took, nil
		case f.Status.Final():
			return fail(fmt.Errorf("it ended %s", f.Status))
		}
	}
}

// drop puts the file into the inbox by rename. Only a watcher makes that
// folder, so without it no watcher serves canaries.
func drop(inbox, name, content string) error {
	if err := disk.Write(filepath.Join(inbox, name+".csv"), []byte(content), 0o640); err != nil {
		return fmt.Errorf("the folder of canary files cannot be used; a watcher makes it: %w", event.Innermost(err))
	}
	return nil
}

// sweep takes out the records of earlier canaries that are over, and withdraws those
// that are not: a record that goes while its run goes on would come back.
func (j Journey) sweep(ctx context.Context) error {
	before := time.Now().Add(-cmp.Or(j.MayTake, time.Hour))
	files, _ := filepath.Glob(filepath.Join(j.Inbox, event.SourceCanary+".*.csv")) // the pattern is good
	for _, f := range files {                                                      // no watcher took it
		if i, err := os.Stat(f); err == nil && i.ModTime().Before(before) {
			_ = os.Remove(f)
		}
	}
	records := streams.Canaries{JetStream: j.JetStream}
	old, err := records.Old(ctx, before)
	for id, p := range old {
		if p.Status.Final() {
			err = errors.Join(err, records.Forget(ctx, id))
			continue
		}
		body := event.VerificationBody{UserID: id, Reason: "the canary did not arrive"}
		err = errors.Join(err, j.Publisher.Verification(ctx, event.SourceCLI, event.VerbWithdrawn, "end-"+id, body)) // one event, however often it is said
	}
	return err
}
