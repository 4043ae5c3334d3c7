package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Birth is when a stream was made, also after it was restored from a backup. It is
// what tells a stream that was made anew, whose messages count from 1 again.
func Birth(i *jetstream.StreamInfo) time.Time { return event.Birth(i.Config.Metadata, i.Created) }

// ErrLost is wrapped by the error of Ensure when a stream is gone, or is younger
// than what usher wrote down about it: its volume is not mounted, or it was deleted.
var ErrLost = errors.New("a stream is lost")

// Each stream carries its own birth and those of all others, so that any one that
// is left tells which are lost. All lost together are a new installation.
const metaBirthOf = event.MetaBirth + "-" // followed by the name of another stream

// lost reports which streams are gone or made anew without being accepted.
func lost(infos map[string]*jetstream.StreamInfo, accepted []string) error {
	var problems []error
	for _, r := range table(Options{}) {
		name := r.cfg.Name
		if slices.Contains(accepted, name) {
			continue
		}
		var known time.Time
		for _, i := range infos {
			if at, err := time.Parse(time.RFC3339Nano, i.Config.Metadata[metaBirthOf+name]); err == nil && at.After(known) {
				known = at
			}
		}
		what := ""
		switch i := infos[name]; {
		case known.IsZero():
			continue
		case i == nil:
			what = "is not there"
		case Birth(i).After(known):
			what = "was made anew at " + Birth(i).Format(time.RFC3339)
		default:
			continue
		}
		problems = append(problems, fmt.Errorf("%w: %s, made at %s, %s. Nothing is started, because people would be welcomed twice or left out. Mount its volume or restore its backup; when it is lost for good, say so with `--accept-lost %s`, given to `usher setup` or `usher up`",
			ErrLost, name, known.Format(time.RFC3339), what, name))
	}
	if len(problems) == 0 {
		return nil
	}
	return event.Permanent(errors.Join(problems...))
}

// noteBirths writes the births into the streams where they are missing. The birth of
// a stream that has none is when its server says that it was created.
func noteBirths(ctx context.Context, js jetstream.JetStream, infos map[string]*jetstream.StreamInfo) error {
	for name, i := range infos {
		want := maps.Clone(i.Config.Metadata)
		if want == nil {
			want = map[string]string{}
		}
		for other, o := range infos {
			key := metaBirthOf + other
			if other == name {
				key = event.MetaBirth
			}
			want[key] = Birth(o).UTC().Format(time.RFC3339Nano)
		}
		if maps.Equal(want, i.Config.Metadata) {
			continue
		}
		cfg := i.Config
		cfg.Metadata = want
		brief, cancel := context.WithTimeout(ctx, noteWait)
		_, err := js.UpdateStream(brief, cfg)
		cancel()
		if err != nil {
			return fmt.Errorf("note in the stream %s when the streams were made: %w", name, err)
		}
	}
	return nil
}

// noteWait is how long a server may take for it: one that denies it never answers.
const noteWait = 2 * time.Second

// denied reports whether a request had no answer: the account may not ask, or the
// server is away, which the next request tells.
func denied(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrPermissionViolation)
}

// StreamName is the stream that a person means by name: the name of a bucket will
// do. ok is false when usher has no such stream.
func StreamName(name string) (stream string, ok bool) {
	name = strings.ToUpper(name)
	for _, r := range table(Options{}) {
		if r.cfg.Name == name || r.cfg.Name == "KV_"+name {
			return r.cfg.Name, true
		}
	}
	return "", false
}
