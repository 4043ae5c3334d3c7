package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"usher/event"
)

// How often a server that was silent is asked, and how long it may take to answer.
// So a role that does nothing knows within ten seconds that a server is away.
const (
	probeEvery  = 5 * time.Second
	probeWithin = 4 * time.Second
)

// pulse is what a process knows of something that it depends on: whether the last
// round trip worked, as the calls of the stages tell; and a cheap question to it when
// none did lately. To ask whether it is ready reads memory only.
type pulse struct {
	name  string                      // as /readyz says it; "" where the component's name says it
	probe func(context.Context) error // its error is one of the round trip
	guard event.Guard                 // of the probe

	mu     sync.Mutex
	worked time.Time // the last round trip that did
	since  time.Time // when they began to fail; zero while they work
	err    error
}

// saw notes what became of a round trip.
func (p *pulse) saw(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.worked, p.since, p.err = time.Now(), time.Time{}, nil
		return
	}
	if p.since.IsZero() {
		p.since = time.Now()
	}
	p.err = err
}

// ready is nil, or why the last round trip failed and since when they do.
func (p *pulse) ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	prefix := ""
	if p.name != "" {
		prefix = p.name + ": "
	}
	return fmt.Errorf("%s%w (since %s)", prefix, p.err, p.since.UTC().Format(time.RFC3339))
}

// quiet tells whether no round trip has worked for so long that it is time to ask.
func (p *pulse) quiet(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil || now.Sub(p.worked) >= probeEvery
}

// ask probes.
func (p *pulse) ask(ctx context.Context) {
	look, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	err := p.guard.Do("asking a server whether it is there", func() error { return p.probe(look) })
	switch {
	case ctx.Err() != nil: // the process stops
		return
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s", probeWithin)
	}
	p.saw(err)
}

// pulses are those of one component.
type pulses []*pulse

// ready is nil, or what every part of the component waits for.
func (ps pulses) ready() error {
	var errs []error
	for _, p := range ps {
		errs = append(errs, p.ready())
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) > 1 { // one line of /readyz
		return fmt.Errorf("%w; and %d more", errs[0], len(errs)-1)
	}
	return errors.Join(errs...)
}

// guardedBy has panics of the probes told to g; one counts as a round trip that failed.
func (ps pulses) guardedBy(g event.Guard) pulses {
	for _, p := range ps {
		p.guard = g
	}
	return ps
}

// turning is run as a loop that must turn: probes end by their time, unless what asks
// hangs.
func (ps pulses) turning(a *alive, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		turn, ended := a.loop(name)
		defer ended()
		return ps.run(ctx, turn)
	}
}

// run asks those that are silent until ctx ends, and calls turn before each round.
func (ps pulses) run(ctx context.Context, turn func()) error {
	event.Every(ctx, probeEvery, func() {
		turn()
		var wg sync.WaitGroup
		for _, p := range ps {
			if p.quiet(time.Now()) {
				wg.Go(func() { p.ask(ctx) })
			}
		}
		wg.Wait()
	})
	return nil
}
