package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"usher/event"
)

// How often it is looked whether loops turn, and how many looks in a row may find one
// as it was: a minute, and the slowest loop turns every nine seconds.
const (
	lookEvery  = 5 * time.Second
	mostMissed = 12
)

// alive tells whether the loops of a process turn that must turn whatever happens to
// servers and networks: when one does not, the process hangs, and only a new start
// helps. It counts looks and not time, so that a process that was frozen as a whole is
// not taken for one that hangs.
type alive struct {
	mu    sync.Mutex
	loops []*loop
}

type loop struct {
	name        string
	turns, seen uint64
	missed      int
}

// loop names one that must turn. It calls what it gets at each turn, and the other
// when it has ended.
func (a *alive) loop(name string) (turn, ended func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &loop{name: name}
	a.loops = append(a.loops, l)
	turn = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		l.turns++
	}
	ended = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.loops = slices.DeleteFunc(a.loops, func(o *loop) bool { return o == l })
	}
	return turn, ended
}

// run looks until ctx ends.
func (a *alive) run(ctx context.Context) error {
	event.Every(ctx, lookEvery, a.look)
	return nil
}

func (a *alive) look() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.loops {
		if l.turns == l.seen {
			l.missed++
		} else {
			l.seen, l.missed = l.turns, 0
		}
	}
}

// hangs is nil, or which loops have not turned for a minute.
func (a *alive) hangs() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for _, l := range a.loops {
		if l.missed > mostMissed {
			names = append(names, l.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("has not turned for %s: %s", mostMissed*lookEvery, strings.Join(names, ", "))
}
