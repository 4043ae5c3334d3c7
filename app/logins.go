package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"usher/console/logins"
	"usher/console/trail"
	"usher/event"
)

// Logins opens the record of who may sign in at the console, which only the
// administrator's account of NATS and consoles may read.
func (c *Client) Logins(ctx context.Context) (logins.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	kv, err := c.JetStream.KeyValue(ctx, event.BucketConsole)
	if err != nil {
		return logins.Store{}, err
	}
	s := logins.NewStore(kv)
	_, err = s.Read(ctx)
	return s, c.Denied("accounts and tokens", err)
}

// Denied says of an error which account of NATS is needed for what, when it comes of a
// denial: what a server denies, it does not answer.
func (c *Client) Denied(what string, err error) error {
	if denied := c.nc.LastError(); err != nil && errors.Is(denied, nats.ErrPermissionViolation) {
		return fmt.Errorf("%s: the administrator's account of NATS is needed, such as --nats-user admin; this one may not see that: %w", what, denied)
	}
	return err
}

// Record appends to the trail what a command has done.
func (c *Client) Record(ctx context.Context, action, actor string, what map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	what[trail.FieldActor], what[trail.FieldVia], what[trail.FieldAt] = actor, "cli", time.Now().UTC().Format(time.RFC3339Nano)
	_, err := trail.NewWriter(c.JetStream).Append(ctx, []trail.Record{{ID: event.NewID(), Action: action, What: what}})
	if err != nil {
		return fmt.Errorf("it is done, and the trail could not be told: %w", err)
	}
	return nil
}
