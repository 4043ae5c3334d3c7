package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"usher/event"
	"usher/metrics"
	"usher/tracing"
)

// Target is the system that holds the accounts.
type Target interface {
	// Name is what facts and metrics call it: none, scim or webhook.
	Name() string
	// Activate makes the account of u usable, and makes the account when there is
	// none. One that is usable already is a success. key names the step of one
	// generation of a user, and is the same each time that it is tried.
	Activate(ctx context.Context, key string, u event.User) (Account, error)
	// Deactivate undoes Activate; a is what that returned, or zero when it never
	// returned. An account that is not there is a success. It must not run beside
	// an Activate for the same user, which could come after it.
	Deactivate(ctx context.Context, key, userID string, a Account) error
}

// Account is what a target said of an account that it made usable. The zero
// Account is one of which nothing is known. ID is the target's own and may be an
// address with some: it belongs in no log, fact or label.
type Account struct {
	ID      string
	Created bool // usher made it for certain; else it may have been there before
}

// Kinds of targets.
const (
	None    = "none"
	SCIM    = "scim"
	Webhook = "webhook"
)

// What Deactivate does.
const (
	UndoDeactivate = "deactivate" // keep the account, unusable
	UndoDelete     = "delete"     // delete it if usher made it for certain, else keep it unusable
)

// What a new SCIM account takes for its userName.
const (
	UserNameEmail  = "email" // the user id when there is none
	UserNameUserID = "user_id"
)

// Config says where the accounts are.
type Config struct {
	Kind     string // None, SCIM or Webhook
	URL      string // of SCIM: what stands before /Users
	Token    string // of SCIM: the bearer token
	Secret   string // of the webhook: whsec_ and 24 to 64 bytes in base64
	Undo     string // UndoDeactivate (default) or UndoDelete
	UserName string // UserNameEmail (default) or UserNameUserID
	Insecure bool   // data of people may cross a network in plain text

	Limit time.Duration // of one request; default 30 s

	Metrics *metrics.Worker
	Log     *slog.Logger
}

// New checks the settings; it connects to nothing yet.
func New(c Config) (Target, error) {
	if c.Kind == None || c.Kind == "" {
		if c.Metrics != nil {
			c.Metrics.Account(None, Reasons) // zeros, so that an empty panel is not taken for a broken one
		}
		return none{}, nil
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "":
		return nil, errors.New("the address of the accounts must begin with https:// and name a host, without a user name or a #")
	case u.Scheme == "http" && !c.Insecure && !event.Loopback(u.Hostname()):
		return nil, fmt.Errorf("%s is another machine, and names and addresses of people would cross the network unencrypted: use https://", u.Hostname())
	}
	if c.Limit <= 0 {
		c.Limit = 30 * time.Second
	}
	var t Target
	switch c.Kind {
	case SCIM:
		t, err = newSCIM(c, u)
	case Webhook:
		t, err = newWebhook(c, u)
	default:
		err = fmt.Errorf("there is no target %q: it is none, scim or webhook", c.Kind)
	}
	if err != nil {
		return nil, err
	}
	c.Metrics.Account(t.Name(), Reasons)
	return observed{t, c.Metrics, c.Log, &evidence{}}, nil
}

// none is for people whose accounts others make usable.
type none struct{}

func (none) Name() string { return None }
func (none) Activate(context.Context, string, event.User) (Account, error) {
	return Account{}, nil
}
func (none) Deactivate(context.Context, string, string, Account) error { return nil }

// observed counts, traces and logs what a target does.
type observed struct {
	Target
	metrics *metrics.Worker
	log     *slog.Logger
	others  *evidence
}

func (o observed) Activate(ctx context.Context, key string, u event.User) (a Account, err error) {
	err = o.watch(ctx, "activate", func(ctx context.Context) error {
		a, err = o.Target.Activate(ctx, key, u)
		err = o.others.weigh(u.UserID, a.Created || o.Name() == Webhook, err)
		return err
	})
	return a, err
}

func (o observed) Deactivate(ctx context.Context, key, userID string, a Account) error {
	return o.watch(ctx, "deactivate", func(ctx context.Context) error { return o.Target.Deactivate(ctx, key, userID, a) })
}

func (o observed) watch(ctx context.Context, step string, f func(context.Context) error) error {
	ctx, span := tracing.Child(ctx, "account "+step, tracing.Client)
	err := f(ctx)
	span.Done(err)
	result, reason := "done", Reason(err)
	switch {
	case event.IsPermanent(err):
		result = "failed"
	case err != nil:
		result = "retry"
		o.metrics.Retries.WithLabelValues("activate", reason).Inc()
	}
	o.metrics.AccountAttempts.WithLabelValues(o.Name(), step, result, reason).Inc()
	if err != nil {
		o.log.Info("account not changed", "step", step, "provider", o.Name(), "result", result, "reason", reason, "error", err)
	}
	return err
}
