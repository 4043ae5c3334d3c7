package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"usher/console/logins"
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
	if _, err = s.Read(ctx); err == nil {
		return s, nil
	}
	if denied := c.nc.LastError(); errors.Is(denied, nats.ErrPermissionViolation) { // what a server denies, it does not answer
		err = fmt.Errorf("accounts and tokens need the administrator's account of NATS, such as --nats-user admin; this one may not see them: %w", denied)
	}
	return s, err
}
