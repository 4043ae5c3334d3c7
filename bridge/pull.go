package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// The bridge asks JetStream for messages itself, in the client's stead, for two
// reasons. It asks for no more than it has hands for, so that no message waits in
// a buffer, where its time runs out and its deliveries are used up. And it tells
// messages from what the server says about a request by their reply subject, which
// no sender can choose, where the client looks at headers: a message without a
// body and with a header `Status` would end it.
const (
	pullFor   = 30 * time.Second // a request lives so long
	pullPulse = 5 * time.Second  // a server that is there says so while a request is open
)

// delivery is a message as it was delivered. It outlives its session.
type delivery struct {
	*nats.Msg
	nc *nats.Conn
}

func (d *delivery) say(what string) error { return d.nc.Publish(d.Reply, []byte(what)) }

func (d *delivery) ack() error { return d.say("+ACK") }

func (d *delivery) inProgress() error { return d.say("+WPI") }

func (d *delivery) term(reason string) error { return d.say("+TERM " + reason) }

// nak gives the message back, to be delivered again after that time.
func (d *delivery) nak(after time.Duration) error {
	return d.say(`-NAK {"delay":` + strconv.FormatInt(int64(after), 10) + `}`)
}

// pull is one session's way of asking for messages: for as many as there are free
// hands, and again when there are more. A request that asks for few costs as much
// as one that asks for many, so the next one waits until it pays.
type pull struct {
	c       *consumer
	nc      *nats.Conn
	subject string // to ask at
	inbox   string
	arrived chan *nats.Msg
	left    int       // messages that open requests may still bring; 0 when none is open
	heard   time.Time // from the server, while a request is open
}

// session takes messages until ctx ends or the server ends it. Handlers run under
// hands, which outlives ctx.
func (c *consumer) session(ctx, hands context.Context) error {
	s, err := c.JetStream.Stream(ctx, c.stream)
	if err != nil {
		return err
	}
	created := event.Birth(s.CachedInfo().Config.Metadata, s.CachedInfo().Created)
	cons, err := s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: c.name, FilterSubject: c.filter, DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: c.AckWait, MaxAckPending: maxInHand,
		MaxDeliver: -1, // kills, stops and outages use deliveries up as well, so the bridge counts what they end in
	})
	if err != nil {
		return err
	}
	if err := c.hands.settled(c.name, created, cons.CachedInfo().AckFloor.Stream); err != nil {
		c.Log.Warn("could not reset the crash counter", "consumer", c.name, "error", err)
	}
	nc := c.JetStream.Conn()
	// What is asked for is little more than there are hands; some is late, and the
	// server says something from time to time.
	p := &pull{c: c, nc: nc, inbox: nc.NewInbox(), arrived: make(chan *nats.Msg, 4*c.Workers+64),
		subject: "$JS.API.CONSUMER.MSG.NEXT." + c.stream + "." + c.name}
	sub, err := nc.ChanSubscribe(p.inbox, p.arrived)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // drained already, but after a panic
	var closing sync.Once
	drained := make(chan struct{})
	sub.SetClosedHandler(func(string) { closing.Do(func() { close(drained) }) }) // the client may say it twice, and long after this session
	take := func(m *nats.Msg) { c.dispatch(ctx, hands, created, &delivery{m, nc}) }
	err = p.serve(ctx, take)
	// What is on its way comes in, so that its time does not run out.
	if sub.Drain() == nil {
		wait := time.After(time.Second)
		for over := false; !over; {
			select {
			case m := <-p.arrived:
				_ = p.receive(m, take) // what the server says is late
			case <-drained:
				over = true
			case <-wait:
				over = true
			}
		}
	}
	for {
		select {
		case m := <-p.arrived:
			_ = p.receive(m, take)
		default:
			return err
		}
	}
}

// serve asks and takes until ctx ends, or the bridge is paused.
func (p *pull) serve(ctx context.Context, take func(*nats.Msg)) error {
	lost := p.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer p.nc.RemoveStatusListener(lost)
	pulse := time.NewTicker(pullPulse)
	defer pulse.Stop()
	for {
		changed := p.c.Switch.Changed()
		if _, paused := p.c.Switch.Paused(); paused {
			return nil
		}
		if n := p.c.wanted() - p.left; n > 0 && (p.left == 0 || n >= p.c.Workers/4) {
			if err := p.ask(n); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-lost:
			return errors.New("the connection was lost")
		case m := <-p.arrived:
			if err := p.receive(m, take); err != nil {
				return err
			}
		case <-p.c.freed:
		case <-changed:
		case <-pulse.C:
			if p.left > 0 && time.Since(p.heard) > 3*pullPulse {
				return errors.New("the server is silent")
			}
		}
	}
}

func (p *pull) ask(n int) error {
	request, err := json.Marshal(struct {
		Batch     int           `json:"batch"`
		Expires   time.Duration `json:"expires"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{n, pullFor, pullPulse})
	if err != nil {
		return err
	}
	p.left, p.heard = p.left+n, time.Now()
	return p.nc.PublishRequest(p.subject, p.inbox, request)
}

// receive takes a message, or reads what the server says about a request: only
// that has no reply subject.
func (p *pull) receive(m *nats.Msg, take func(*nats.Msg)) error {
	p.heard = time.Now()
	if m.Reply != "" {
		p.left = max(p.left-1, 0)
		take(m)
		return nil
	}
	status, says := m.Header.Get("Status"), m.Header.Get("Description")
	switch unserved, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages")); {
	case status == "100": // still there
		return nil
	case err == nil && (status == "408" || strings.Contains(says, "Batch Completed")): // a request's time is over
		p.left = max(p.left-unserved, 0)
		return nil
	}
	return fmt.Errorf("the server ended a request: %s %s", status, says)
}

// wanted is how many messages more may be in hand.
func (c *consumer) wanted() int {
	most := c.Workers
	if c.breaker.isOpen() {
		most = min(most, mostAlike)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(most-(len(c.inHand)-c.aside), 0)
}

// free tells the session that there may be more hands.
func (c *consumer) free() {
	select {
	case c.freed <- struct{}{}:
	default:
	}
}

// positioned reads where JetStream keeps a message.
func (c *consumer) positioned(created time.Time, d *delivery) (m message, err error) {
	meta, err := d.Metadata()
	if err != nil {
		return m, err
	}
	return message{
		Position: event.Position{Stream: c.stream, Created: created, Seq: meta.Sequence.Stream, Stored: meta.Timestamp},
		subject:  d.Subject, header: d.Header, data: d.Data,
	}, nil
}
