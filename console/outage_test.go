package console

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// electing is JetStream while AUDIT elects a leader: what is published there has
// no answer.
type electing struct {
	jetstream.JetStream
	until chan struct{} // closed when there is a leader
	heard bool          // whether the message is stored all the same
	asked chan struct{} // gets one for each try, as far as there is room
}

func (e *electing) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if !strings.HasPrefix(m.Subject, "audit.") {
		return e.JetStream.PublishMsg(ctx, m, opts...)
	}
	select {
	case e.asked <- struct{}{}:
	default:
	}
	select {
	case <-e.until:
		return e.JetStream.PublishMsg(ctx, m, opts...)
	default:
	}
	if e.heard {
		if _, err := e.JetStream.PublishMsg(ctx, m, opts...); err != nil {
			return nil, err
		}
	}
	return nil, nats.ErrNoResponders
}

// future is an answer that has come.
type future struct {
	ack  *jetstream.PubAck
	err  error
	sent *nats.Msg
}

func (f future) Ok() <-chan *jetstream.PubAck {
	c := make(chan *jetstream.PubAck, 1)
	if f.err == nil {
		c <- f.ack
	}
	return c
}

func (f future) Err() <-chan error {
	c := make(chan error, 1)
	if f.err != nil {
		c <- f.err
	}
	return c
}

func (f future) Msg() *nats.Msg { return f.sent }

// PublishMsgAsync is how the trail is written.
func (e *electing) PublishMsgAsync(m *nats.Msg, opts ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	ack, err := e.PublishMsg(context.Background(), m, opts...)
	return future{ack, err, m}, nil
}

func audits(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), event.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// An election loses no record of who did what, and stores none twice. A regression
// of issue 14.
func TestAnAuditRecordOutlastsAnElection(t *testing.T) {
	for _, heard := range []bool{false, true} {
		t.Run(fmt.Sprint("stored all the same ", heard), func(t *testing.T) {
			r := newRig(t)
			e := &electing{JetStream: r.js, until: make(chan struct{}), heard: heard, asked: make(chan struct{}, 1)}
			r.change = func(c *Config) { c.JetStream = e }
			r.run()
			r.console.audit(t.Context(), "signin", "admin", map[string]string{}) // gives up in the request, and lets it wait
			if n := audits(t, r.js); n > 0 != heard {
				t.Fatalf("%d records during the election", n)
			}
			close(e.until)
			r.eventually("the record is stored", func() bool { return audits(t, r.js) == 1 && len(r.console.auditor.waiting) == 0 })
			if n := testutil.ToFloat64(r.console.Metrics.AuditFailures); n != 0 {
				t.Errorf("%v records are counted as lost", n)
			}
		})
	}
}

// What cannot be stored before the console stops, or is refused, is counted and
// said.
func TestAnAuditRecordThatIsLostIsCounted(t *testing.T) {
	r := newRig(t)
	e := &electing{JetStream: r.js, until: make(chan struct{}), asked: make(chan struct{}, 1)}
	r.change = func(c *Config) { c.JetStream = e }
	stop := r.run()
	r.console.audit(t.Context(), "signin", "admin", map[string]string{})
	r.console.audit(t.Context(), "order", "admin", map[string]string{})
	stop()
	if n := testutil.ToFloat64(r.console.Metrics.AuditFailures); n != 2 {
		t.Errorf("%v records are counted as lost, want 2", n)
	}
	if n := strings.Count(r.log.String(), "the audit record was not stored"); n != 2 {
		t.Errorf("%d are said:\n%s", n, r.log.String())
	}
}

// In an outage each request fails alike. It is said once, and then how often. A
// regression of issue 14.
func TestARepeatedFailureIsSaidOnce(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	for range 648 {
		r.console.refuse(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/users", nil), errors.New("no response from stream"))
	}
	r.console.refuse(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/users", nil), errors.New("another"))
	stop()
	log := r.log.String()
	if n := strings.Count(log, `msg="a request failed"`); n != 2 {
		t.Errorf("%d lines for two failures:\n%s", n, log)
	}
	if !strings.Contains(log, "times=647") {
		t.Errorf("nothing says how often it failed:\n%s", log)
	}
}
