package console

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/console/trail"
	"usher/event"
	"usher/metrics"
)

// auditor appends who did what to the trail. Records that come at once are written at
// once, one behind the other; a request waits a moment for its own. While NATS elects a
// leader they wait here. What could not be stored then is counted, said in the next
// entry, and does not undo what was done.
type auditor struct {
	writer  *trail.Writer
	metrics *metrics.Console
	log     *slog.Logger
	waiting chan auditRecord // when it is full, a record is lost
	pending []auditRecord    // that are being written; owned by run
	said    trail.Head       // the last head that the log has; owned by run
}

type auditRecord struct {
	trail.Record
	since time.Time
	over  chan struct{} // is closed when it is stored or lost
}

const (
	auditInRequest = 2 * time.Second
	auditFor       = 5 * time.Minute
	mostAudits     = 10_000      // that wait
	auditAtEnd     = time.Second // for all that wait when the console stops
	auditPause     = 50 * time.Millisecond
	longestPause   = 5 * time.Second
	sayHeadEvery   = time.Hour
)

func newAuditor(js jetstream.JetStream, m *metrics.Console, log *slog.Logger) *auditor {
	return &auditor{writer: trail.NewWriter(js), metrics: m, log: log, waiting: make(chan auditRecord, mostAudits)}
}

// audit records who did what, under the name of the action. It holds no personal data
// of users: the trail outlives those who are forgotten.
func (k *Console) audit(ctx context.Context, action, actor string, what map[string]string) {
	now := time.Now()
	if how := whoIn(ctx).How; how != "" {
		what[trail.FieldVia] = how
	}
	what[trail.FieldActor], what[trail.FieldAt] = actor, now.UTC().Format(time.RFC3339Nano)
	k.auditor.keep(auditRecord{trail.Record{ID: newEventID(), Action: action, What: what}, now, make(chan struct{})})
}

var errAuditsWait = errors.New("too many records wait already")

// keep hands a record to run, and waits a moment. The client that goes away takes
// nothing with it.
func (a *auditor) keep(r auditRecord) {
	select {
	case a.waiting <- r:
	default:
		a.lose(r, errAuditsWait)
		return
	}
	moment := time.NewTimer(auditInRequest)
	defer moment.Stop()
	select {
	case <-r.over:
	case <-moment.C:
	}
}

// run stores what comes until ctx ends; then it tries all that waits once more.
func (a *auditor) run(ctx context.Context) error {
	if err := a.writer.Look(ctx); err == nil {
		a.sayHead()
	} // else the first record finds out
	again := time.NewTicker(sayHeadEvery)
	defer again.Stop()
	pause := auditPause
	for {
		if len(a.pending) == 0 {
			select {
			case r := <-a.waiting:
				a.pending = append(a.pending, r)
			case <-again.C:
				a.sayHead()
				continue
			case <-ctx.Done():
			}
		}
		a.drain()
		if ctx.Err() != nil {
			a.atEnd()
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, storeTimeout)
		err := a.write(limited)
		cancel()
		switch {
		case err == nil:
			pause = auditPause
			continue
		case ctx.Err() != nil: // its record is tried once more
			continue
		case final(err) || time.Since(a.pending[0].since) > auditFor:
			a.lose(a.pending[0], err)
			a.pending = a.pending[1:]
			continue
		}
		event.Sleep(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// drain takes all that waits.
func (a *auditor) drain() {
	for len(a.pending) < mostAudits {
		select {
		case r := <-a.waiting:
			a.pending = append(a.pending, r)
		default:
			return
		}
	}
}

// write stores what is pending, and keeps the rest.
func (a *auditor) write(ctx context.Context) error {
	records := make([]trail.Record, 0, len(a.pending))
	for _, r := range a.pending {
		records = append(records, r.Record)
	}
	n, err := a.writer.Append(ctx, records)
	for _, r := range a.pending[:n] {
		close(r.over)
	}
	a.pending = a.pending[n:]
	if h, ok := a.writer.Head(); ok {
		a.metrics.AuditHead.Set(float64(h.Seq))
		a.metrics.AuditHeadHash.Set(h.Short())
		if a.said.Seq == 0 {
			a.sayHead()
		}
	}
	return err
}

// sayHead puts the head into the log, where it is kept apart from the trail.
func (a *auditor) sayHead() {
	h, ok := a.writer.Head()
	if !ok || h == a.said {
		return
	}
	a.said = h
	a.metrics.AuditHead.Set(float64(h.Seq))
	a.metrics.AuditHeadHash.Set(h.Short())
	a.log.Info("the trail of who did what has this head; usher audit verify --head takes it", "head", h.String())
}

func (a *auditor) atEnd() {
	ctx, cancel := context.WithTimeout(context.Background(), auditAtEnd)
	defer cancel()
	err := a.write(ctx)
	for _, r := range a.pending {
		a.lose(r, err)
	}
	a.pending = nil
	a.sayHead()
}

// errStoreFailed is JSStreamStoreFailedF of nats-server, whose text says why.
const errStoreFailed jetstream.ErrorCode = 10077

// final tells whether the server has refused a record: the stream is full, for one.
// One without a leader is away.
func final(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	full := api.ErrorCode == errStoreFailed && strings.Contains(api.Description, "maximum")
	return full || api.Code != 503 && api.Code != 404
}

func (a *auditor) lose(r auditRecord, err error) {
	close(r.over)
	a.writer.Missed(1)
	a.metrics.AuditFailures.Inc()
	a.log.Error("the audit record was not stored", "action", r.Action, "error", err)
}
