package event

import (
	"errors"
	"time"
)

// An error is transient unless it is marked. The mark is set where the fact is
// known (an SMTP 5xx, a bad row) and read once at each boundary: intake refuses the
// file or waits, the bridge dead-letters the message or gives it back, an activity
// fails for good or is tried again, the console answers 4xx or 503. Marks do not
// survive Temporal's serialisation: activities translate them.

type permanent struct{ err error }

func (e *permanent) Error() string { return e.err.Error() }
func (e *permanent) Unwrap() error { return e.err }

// Permanent marks err as one that trying again cannot help. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

// IsPermanent reports whether err, or an error it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}

type retryAfter struct {
	err error
	d   time.Duration
}

func (e *retryAfter) Error() string { return e.err.Error() }
func (e *retryAfter) Unwrap() error { return e.err }

// RetryAfter marks err as one not to be tried again before d has passed.
// RetryAfter(nil, d) is nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfter{err, d}
}

// RetryDelay returns the delay set by RetryAfter, and whether there was one.
func RetryDelay(err error) (time.Duration, bool) {
	var r *retryAfter
	if !errors.As(err, &r) {
		return 0, false
	}
	return r.d, true
}

type paused struct{ retryAfter }

// Paused marks err as one that says nothing about the thing that was tried:
// their receiver takes none for d, so this was no try. RetryDelay
// returns d. Paused(nil, d) is nil.
func Paused(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &paused{retryAfter{err, d}}
}

// Unwrap yields the part that RetryDelay knows.
func (e *paused) Unwrap() error { return &e.retryAfter }

// IsPaused reports whether err, or an error it wraps, was marked by Paused.
func IsPaused(err error) bool {
	var p *paused
	return errors.As(err, &p)
}

// Innermost is the cause behind all causes of err, which says in the fewest words
// what happened: of a socket or a file, the system's own words. Of joined errors it
// is the join.
func Innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// Fault is a hook that tests use to stop a process at a named point, so that a
// kill is a kill at a known place. A nil Fault does nothing.
type Fault func(point string)

// At announces that the code has reached point.
func (f Fault) At(point string) {
	if f != nil {
		f(point)
	}
}
