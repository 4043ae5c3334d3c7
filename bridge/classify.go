package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/serviceerror"

	"usher/event"
)

// kind says what to do about an error.
type kind int

const (
	transient kind = iota // the message's own, for now: give it back for a while
	busy                  // keep it and try again, slower: a server asks for that, or another event goes first
	away                  // a server is away or full: keep it and take no more
	permanent             // the message's own, and no other try will help
	broken                // the bridge panicked: give it back, and try it alone
)

// classify reads the kind of an error of Temporal, of JetStream or of the bridge.
//
// Of what a server answers, only this is the message's own: an invalid argument
// (but for the search attributes, which every start has), a message that is too
// long for the server, and a record that others write too. All else says that the
// server, its credentials, the namespace or the way there is not as it should be,
// and the message is fine: also what has no code that is known here. row sees to it
// that neither list does harm when it is wrong.
func classify(err error) kind {
	switch {
	case event.Panicked(err) != nil:
		return broken
	case event.IsPermanent(err):
		return permanent
	case errors.Is(err, errWaits):
		return busy
	case errors.Is(err, errAttributes), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return away
	case errors.Is(err, nats.ErrMaxPayload):
		return permanent
	case errors.Is(err, jetstream.ErrKeyExists):
		return transient
	}
	var (
		api       *jetstream.APIError
		exhausted *serviceerror.ResourceExhausted
		invalid   *serviceerror.InvalidArgument
	)
	switch {
	case errors.As(err, &api) && event.Overtaken(int(api.ErrorCode)):
		return transient
	case errors.As(err, &exhausted):
		return busy
	case errors.As(err, &invalid):
		return permanent
	case fromServer(err):
		return away
	}
	return transient // the bridge's own words
}

// class is what failures are alike by. Their text may be of one message each.
func class(err error) string {
	if p := event.Panicked(err); p != nil {
		return p.Where + ": " + p.Kind
	}
	return fmt.Sprint(classify(err))
}
