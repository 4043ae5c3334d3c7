package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/streams"
)

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
	nc, err := connectNATS(ctx, url, e, "cli", slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	c := &Client{nc: nc}
	if c.JetStream, err = newJetStream(nc); err != nil {
		nc.Close()
		return nil, err
	}
	if c.People, err = streams.NewPeople(ctx, c.JetStream); err != nil {
		nc.Close()
		return nil, fmt.Errorf("these servers hold no usher data yet: %w", err)
	}
	c.Publisher = streams.NewPublisher(c.JetStream, nil)
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() { closeNATS(c.nc) }
