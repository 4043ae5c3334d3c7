package bridge

import (
	"context"
	"errors"

	"usher/event"
)

// answer marks an error as one of a server, or of the way to it. Many come as
// plain texts, and only where they come from tells them from the bridge's own.
type answer struct{ err error }

func (a *answer) Error() string { return a.err.Error() }
func (a *answer) Unwrap() error { return a.err }

func answered(err error) error {
	if err == nil {
		return nil
	}
	return &answer{err}
}

func fromServer(err error) bool {
	var a *answer
	return errors.As(err, &a)
}

// people, records and publisher are the bridge's neighbours on JetStream, whose
// errors are marked as a server's.
type (
	people    struct{ People }
	records   struct{ Records }
	publisher struct{ Publisher }
)

func (p people) Get(ctx context.Context, userID string) (event.Person, bool, error) {
	person, ok, err := p.People.Get(ctx, userID)
	return person, ok, answered(err)
}

func (p people) Claim(ctx context.Context, userID string, person event.Person) (event.Person, error) {
	person, err := p.People.Claim(ctx, userID, person)
	return person, answered(err)
}

// Update leaves the error of change as it is: that one is the bridge's own.
func (p people) Update(ctx context.Context, userID string, change func(*event.Person) error) (event.Person, error) {
	refused := false
	person, err := p.People.Update(ctx, userID, func(person *event.Person) error {
		err := change(person)
		refused = err != nil
		return err
	})
	if refused {
		return person, err
	}
	return person, answered(err)
}

func (r records) Record(ctx context.Context, seq uint64, userID string) (event.User, bool, error) {
	u, ok, err := r.Records.Record(ctx, seq, userID)
	return u, ok, answered(err)
}

func (p publisher) Fact(ctx context.Context, f event.Fact) (bool, error) {
	stored, err := p.Publisher.Fact(ctx, f)
	return stored, answered(err)
}

func (p publisher) Bury(ctx context.Context, d event.DeadLetter) (bool, error) {
	stored, err := p.Publisher.Bury(ctx, d)
	return stored, answered(err)
}
