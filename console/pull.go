package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pullFor   = 30 * time.Second // a request lives so long
	pullPulse = 5 * time.Second  // a server that is there says so while a request is open
	pullKept  = 5 * time.Minute  // that the server keeps a consumer that asks for nothing
)

// pull reads a stream from a sequence on with a consumer of its own. It tells
// messages from what the server says about a request by their reply subject, which
// no sender can choose. The client's ordered consumer looks at headers instead: for
// a stored message without a body and with a header `Status: 503` it makes a new
// consumer, meets the message again, and so on as fast as the server answers.
type pull struct {
	nc        *nats.Conn
	sub       *nats.Subscription
	consumer  string
	subject   string // to ask at
	inbox     string
	arrived   chan *nats.Msg
	lost      chan nats.Status // the connection
	pending   uint64           // messages that were there when it began
	left      int              // that the open request may still bring; 0 when none is open
	delivered uint64
	heard     time.Time // from the server, while a request is open
}

// newPull makes the consumer; subjects selects, "" for all. The caller calls end, and
// deletes the consumer.
func newPull(ctx context.Context, js jetstream.JetStream, stream, subjects string, from uint64) (*pull, error) {
	c, err := js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		FilterSubject: subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, AckPolicy: jetstream.AckNonePolicy,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: pullKept,
	})
	if err != nil {
		return nil, err
	}
	nc, name := js.Conn(), c.CachedInfo().Name
	p := &pull{nc: nc, consumer: name, pending: c.CachedInfo().NumPending, inbox: nc.NewInbox(),
		subject: jetstream.DefaultAPIPrefix + "CONSUMER.MSG.NEXT." + stream + "." + name,
		arrived: make(chan *nats.Msg, 2*perTransaction)} // room for all that was asked for, and for heartbeats
	p.lost = nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	if p.sub, err = nc.ChanSubscribe(p.inbox, p.arrived); err == nil {
		err = p.ask()
	}
	return p, err
}

func (p *pull) end() {
	p.nc.RemoveStatusListener(p.lost)
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // fails only when the connection is closed
	}
}

func (p *pull) ask() error {
	p.left, p.heard = perTransaction, time.Now()
	return p.nc.PublishRequest(p.subject, p.inbox, fmt.Appendf(nil, `{"batch":%d,"expires":%d,"idle_heartbeat":%d}`, p.left, pullFor, pullPulse))
}

// alive returns an error when the server has not been heard of for too long.
func (p *pull) alive() error {
	if time.Since(p.heard) > 3*pullPulse {
		return errors.New("the server is silent")
	}
	return nil
}

// batch returns the messages that have arrived, of which first is the oldest, and
// asks for more when the request is used up. With an error it returns what can be
// used all the same.
func (p *pull) batch(first *nats.Msg) (batch []*nats.Msg, err error) {
	for m := first; ; {
		stored, err := p.receive(m)
		if err != nil {
			return batch, err
		}
		if stored {
			batch = append(batch, m)
		}
		if p.left == 0 {
			return batch, p.ask()
		}
		select {
		case m = <-p.arrived:
		default:
			return batch, nil
		}
	}
}

// receive tells whether m is a stored message, and reads what the server says about
// the request otherwise: only that has no reply subject.
func (p *pull) receive(m *nats.Msg) (stored bool, err error) {
	p.heard = time.Now()
	if m.Reply == "" {
		switch status, says := m.Header.Get("Status"), m.Header.Get("Description"); {
		case status == "100": // still there
			return false, nil
		case status == "408" || strings.Contains(says, "Batch Completed"): // the request's time is over
			p.left = 0
			return false, nil
		default:
			return false, fmt.Errorf("the server ended a request: %s %s", status, says)
		}
	}
	meta, err := m.Metadata()
	if err != nil {
		return false, err
	}
	if p.delivered++; meta.Sequence.Consumer != p.delivered {
		return false, errors.New("a message was lost on its way")
	}
	p.left--
	return true, nil
}
