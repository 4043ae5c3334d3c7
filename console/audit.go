package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
)

// auditor stores who did what. While NATS elects a leader a record waits: for a
// moment in its request, then here. What could not be stored then is counted, and
// does not undo what was done.
type auditor struct {
	js      jetstream.JetStream
	lost    prometheus.Counter
	log     *slog.Logger
	waiting chan auditRecord // when it is full, a record is lost
}

type auditRecord struct {
	action string
	msg    *nats.Msg
	since  time.Time
}

const (
	auditInRequest = 2 * time.Second
	auditFor       = 5 * time.Minute
	mostAudits     = 1000        // that wait
	auditAtEnd     = time.Second // for all that wait when the console stops
)

func newAuditor(js jetstream.JetStream, lost prometheus.Counter, log *slog.Logger) *auditor {
	return &auditor{js, lost, log, make(chan auditRecord, mostAudits)}
}

// audit records who did what, under the name of the action.
func (k *Console) audit(ctx context.Context, action, actor string, what map[string]string) {
	now := time.Now()
	if how := whoIn(ctx).How; how != "" {
		what["via"] = how
	}
	what["actor"], what["action"], what["at"] = actor, action, now.UTC().Format(time.RFC3339Nano)
	data, err := json.Marshal(what)
	if err != nil {
		k.auditor.lose(action, err)
		return
	}
	// By its id it is stored once, though the answer to a try be lost.
	msg := &nats.Msg{Subject: "audit.v1." + action, Data: data, Header: nats.Header{jetstream.MsgIDHeader: {newEventID()}}}
	k.auditor.keep(auditRecord{action, msg, now})
}

// keep stores a record, or lets it wait. The client that goes away takes nothing
// with it.
func (a *auditor) keep(r auditRecord) {
	ctx, cancel := context.WithTimeout(context.Background(), auditInRequest)
	defer cancel()
	err := a.insist(ctx, r)
	if err == nil || final(err) {
		return
	}
	select {
	case a.waiting <- r:
	default:
		a.lose(r.action, err)
	}
}

// run stores what waits until ctx ends; then it tries each once more.
func (a *auditor) run(ctx context.Context) error {
	for {
		select {
		case r := <-a.waiting:
			limited, cancel := context.WithDeadline(ctx, r.since.Add(auditFor))
			err := a.insist(limited, r)
			cancel()
			switch {
			case err == nil || final(err):
			case ctx.Err() != nil:
				a.atEnd(r)
				return nil
			default:
				a.lose(r.action, err)
			}
		case <-ctx.Done():
			a.atEnd()
			return nil
		}
	}
}

func (a *auditor) atEnd(left ...auditRecord) {
	ctx, cancel := context.WithTimeout(context.Background(), auditAtEnd)
	defer cancel()
	for {
		for _, r := range left {
			if err := a.store(ctx, r); err != nil {
				a.lose(r.action, err)
			}
		}
		select {
		case r := <-a.waiting:
			left = []auditRecord{r}
		default:
			return
		}
	}
}

// insist tries until ctx ends or the server refuses the record, which loses it. It
// returns what came of the last try.
func (a *auditor) insist(ctx context.Context, r auditRecord) (last error) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: 50 * time.Millisecond, Multiplier: 2, RandomizationFactor: 0.5, MaxInterval: 5 * time.Second}
	_, _ = backoff.Retry(ctx, func() (struct{}, error) { // its error is last, or that ctx ended
		last = a.store(ctx, r)
		if final(last) {
			a.lose(r.action, last)
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
	return last
}

func (a *auditor) store(ctx context.Context, r auditRecord) error {
	_, err := a.js.PublishMsg(ctx, r.msg, jetstream.WithExpectStream(event.StreamAudit))
	return err
}

// final tells whether the server has refused a record: the stream is full, for one.
// One without a leader is away.
func final(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code != 503
}

func (a *auditor) lose(action string, err error) {
	a.lost.Inc()
	a.log.Error("the audit record was not stored", "action", action, "error", err)
}
