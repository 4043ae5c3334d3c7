package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// Limit is how long one look may take.
const Limit = 4900 * time.Millisecond

// look is one part of the examination. It returns what to write down: a look that
// hangs has no hand on the facts any more. Its error says why nothing can be said.
type look struct {
	name string
	run  func(context.Context) (note func(*Facts), err error)
}

// takeLooks runs all of them side by side and returns when each has ended or used up
// its limit.
func takeLooks(ctx context.Context, f *Facts, limit time.Duration, looks []look) {
	type seen struct {
		Look
		note func(*Facts)
	}
	all := make(chan seen, len(looks)) // one that hangs may still end, with no one listening
	for _, l := range looks {
		go func() {
			began := time.Now()
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			ended := make(chan seen, 1)
			go func() {
				s := seen{Look: Look{Name: l.name}}
				err := event.Protect("the look at "+l.name, func() (err error) { // the other looks still tell something
					s.note, err = l.run(ctx)
					return err
				})
				if err != nil {
					s.note, s.Problem = nil, plain(err)
				}
				ended <- s
			}()
			s := seen{Look: Look{Name: l.name, Hung: true}}
			select {
			case s = <-ended:
			case <-ctx.Done():
				select { // it may be about to say what it waited for
				case s = <-ended:
				case <-time.After(limit / 20):
				}
			}
			s.Took = time.Since(began)
			all <- s
		}()
	}
	for range looks {
		s := <-all
		if s.note != nil {
			s.note(f)
		}
		f.Looks = append(f.Looks, s.Look)
	}
	slices.SortFunc(f.Looks, func(a, b Look) int { return strings.Compare(a.Name, b.Name) })
}
