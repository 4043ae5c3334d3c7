package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"usher/event"
)

// Accounts makes a user's account usable, and takes that back. Both may be asked
// again: the same key is the same request. Errors are marked with event.Permanent
// or event.RetryAfter; any other is transient.
type Accounts interface {
	// Activate returns what it made. target is the kind that the run was started
	// with; one that this worker does not have is a transient error.
	Activate(ctx context.Context, target, key string, u event.User) (event.Account, error)
	// Deactivate succeeds also when there is no account.
	Deactivate(ctx context.Context, target, key, userID string, made event.Account) error
}

// Step is the input of Activate and Deactivate: facts to publish first, the
// decision to record, and the fact that tells the result.
type Step struct {
	UserID     string        `json:"user_id"`
	Generation int           `json:"generation"`
	Opened     time.Time     `json:"opened"`
	Decided    event.Decided `json:"decided"`
	Target     string        `json:"target,omitempty"` // "" asks for nothing but the facts
	User       *event.User   `json:"user,omitempty"`   // for the target
	Before     []event.Fact  `json:"before,omitempty"`
	Result     event.Fact    `json:"result"`
	Story      Story         `json:"story,omitzero"`
}

// Activate makes the account usable, and tells it.
func (a *Activities) Activate(ctx context.Context, s Step) (err error) {
	start := time.Now()
	ctx, span := a.step(ctx, s.Story, activityActivate, s.UserID)
	defer func() { span.Done(err) }()
	if err := a.Publish(ctx, s.Before); err != nil {
		return err
	}
	a.Fault.At("activate.before")
	if s.Target != "" {
		made, err := a.Accounts.Activate(ctx, s.Target, stepKey(s, "activate"), *s.User)
		if err != nil {
			a.tellTrouble(ctx, s, err)
			return boundary(err, reasonIn(err))
		}
		a.Fault.At("activate.made")
		_, err = a.change(ctx, s.UserID, func(p *event.Person) error { return p.Activated(s.Generation, made) })
		if err != nil {
			return boundary(err, "")
		}
	}
	a.Fault.At("activate.after")
	if err := a.Publish(ctx, []event.Fact{s.Result}); err != nil {
		return err
	}
	a.Metrics.StageSeconds.WithLabelValues("activate").Observe(time.Since(start).Seconds())
	return nil
}

// tellTrouble notes why the account is not usable yet, for who looks at the user. A
// note that PEOPLE does not take is left out: the next try writes another one.
func (a *Activities) tellTrouble(ctx context.Context, s Step, err error) {
	if event.IsPermanent(err) || ctx.Err() != nil {
		return // the end says so, or the step was taken back
	}
	info, now := activity.GetInfo(ctx), time.Now().UTC()
	pause, asked := event.RetryDelay(err)
	if wait := backoff(info.RetryPolicy); !asked && wait != nil {
		pause = wait(int(info.Attempt))
	}
	t := event.Trouble{Target: s.Target, Reason: reasonIn(err), Tries: int(info.Attempt), At: now}
	if pause > 0 {
		t.Next = now.Add(pause)
	}
	if _, err := a.change(ctx, s.UserID, func(p *event.Person) error { return p.AccountFailed(s.Generation, t) }); err != nil {
		activity.GetLogger(ctx).Warn("why an account is not usable yet cannot be noted", "error", err)
	}
}

// reasonIn is the bounded reason that an error carries, or a general one.
func reasonIn(err error) string {
	var r interface{ Reason() string }
	if errors.As(err, &r) {
		return r.Reason()
	}
	return "account_refused"
}

// stepKey is the idempotency key of a call about one generation's account.
func stepKey(s Step, act string) string {
	return fmt.Sprintf("%s.%d.%s", s.UserID, s.Generation, act)
}

// Deactivate takes the account back, and tells it.
func (a *Activities) Deactivate(ctx context.Context, s Step) (err error) {
	ctx, span := a.step(ctx, s.Story, activityDeactivate, s.UserID)
	defer func() { span.Done(err) }()
	if err := a.Publish(ctx, s.Before); err != nil {
		return err
	}
	var made event.Account
	_, err = a.People.Update(ctx, s.UserID, func(p *event.Person) error {
		if p.Account != nil {
			made = *p.Account
		}
		return nil
	})
	if err != nil {
		return boundary(err, "")
	}
	a.Fault.At("deactivate.before")
	if err := a.Accounts.Deactivate(ctx, s.Target, stepKey(s, "deactivate"), s.UserID, made); err != nil {
		return boundary(err, reasonIn(err))
	}
	a.Fault.At("deactivate.made")
	_, err = a.change(ctx, s.UserID, func(p *event.Person) error { return p.Deactivated(s.Generation) })
	if err != nil {
		return boundary(err, "")
	}
	a.Fault.At("deactivate.after")
	return a.Publish(ctx, []event.Fact{s.Result})
}
