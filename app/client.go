package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/streams"
)

// Away is an error that says that NATS does not answer now, and what that means for
// what the command was to do.
type Away struct {
	Written string // a clause, such as "nothing was written"
	Advice  string
	Err     error
}

func (a *Away) Error() string {
	return fmt.Sprintf("NATS does not answer now; %s; %s (%v)", a.Written, a.Advice, a.Err)
}
func (a *Away) Unwrap() error { return a.Err }

// SafeAgain is the advice of most commands.
const SafeAgain = "repeat the command, it is safe"

// Explain makes an *Away of an error that says that NATS cannot be used, and leaves
// every other one as it is.
func Explain(written, advice string, err error) error {
	var said *Away
	if trouble(err) == nil || errors.As(err, &said) {
		return err
	}
	return &Away{written, advice, err}
}

func away(written string, err error) error { return Explain(written, SafeAgain, err) }

// Client is a short connection of a command to where usher's streams are.
type Client struct {
	JetStream jetstream.JetStream
	People    *streams.People
	Publisher *streams.Publisher

	nc *nats.Conn
}

// Dial finds the servers for a command: those that are named, else those of the
// `usher up` that runs on the data folder, else $NATS_URL.
func Dial(ctx context.Context, data string, e NATSAccess) (*Client, error) {
	url := e.NATSURL
	if url == "" {
		a, err := FindRunning(data)
		if err == nil {
			url = "nats://" + a.NATS
		} else if url = os.Getenv("NATS_URL"); url == "" {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	nc, err := connectNATS(ctx, url, e, "cli", externalPings, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, away("nothing was written", err)
	}
	c := &Client{nc: nc}
	if c.JetStream, err = newJetStream(nc); err != nil {
		nc.Close()
		return nil, err
	}
	if c.People, err = streams.NewPeople(ctx, c.JetStream); err != nil {
		denied := nc.LastError()
		nc.Close()
		switch {
		case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, fmt.Errorf("these servers hold no usher data yet: %w", err)
		case errors.Is(denied, nats.ErrPermissionViolation):
			return nil, fmt.Errorf("this account of NATS may not do that: %w", denied)
		}
		return nil, away("nothing was written", err)
	}
	c.Publisher = streams.NewPublisher(c.JetStream, nil)
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() { closeNATS(context.Background(), c.nc) }
