package streams_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/streamstest"
)

// deafDialer makes connections that lose all that the server says once it is deaf.
type deafDialer struct{ deaf atomic.Bool }

func (d *deafDialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return &deafConn{c, d}, err
}

type deafConn struct {
	net.Conn
	dialer *deafDialer
}

func (c *deafConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.dialer.deaf.Load() {
			return n, err
		}
	}
}

// An answer that is lost holds no caller for longer than one request may take,
// though the activity that asks has an hour.
func TestLostAnswerIsGivenUp(t *testing.T) {
	_, url := streamstest.Start(t)
	var d deafDialer
	nc, err := nats.Connect(url, nats.SetCustomDialer(&d))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	people, err := streams.NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	records := streams.NewRecords(js)
	reports, err := streams.NewReports(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	delivery, err := streams.NewDelivery(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	journal, publisher := streams.NewJournal(js), streams.NewPublisher(js, nil)
	d.deaf.Store(true)
	for name, ask := range map[string]func() error{
		"read a person":   func() error { _, _, err := people.Get(ctx, "u-1"); return err },
		"claim a person":  func() error { _, err := people.Claim(ctx, "u-1", event.Person{}); return err },
		"read a record":   func() error { _, _, err := records.Record(ctx, 1, "u-1"); return err },
		"load a report":   func() error { _, err := reports.Load(ctx, "x", new(int)); return err },
		"store a report":  func() error { return reports.Store(ctx, "x", 0, 1) },
		"suppressed":      func() error { _, _, err := delivery.Suppressed(ctx, "x"); return err },
		"bounds of USERS": func() error { _, err := journal.Users(ctx); return err },
		"all people":      func() error { return journal.People(ctx, func(string, event.Person) error { return nil }) },
		"publish a fact": func() error {
			_, err := publisher.Fact(ctx, event.Fact{Kind: event.FactApproved, UserID: "u-1"}.WithID())
			return err
		},
	} {
		done := make(chan error, 1)
		go func() { done <- ask() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: it still waits", name)
		}
	}
}
