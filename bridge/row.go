package bridge

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// mostAlike is how many different messages may fail alike, with none between that
// got through, before none is given up any more. It is also how many are taken at
// most while a server is away: as many as it takes to tell a server's trouble from
// a message's own.
const mostAlike = 10

// row tells a message's own trouble from everybody's. An answer that reads like a
// verdict on one message ("invalid argument", a panic of the bridge) is one on the
// server, the namespace or this version of usher when every message gets it; and
// one that reads like a server's outage is a message's own when all others get
// through.
type row struct {
	proofs atomic.Uint64 // messages that had their effect

	mu    sync.Mutex
	alike map[string]map[place]struct{} // since the last proof, by class
}

func newRow() *row { return &row{alike: map[string]map[place]struct{}{}} }

// through is told of each message that had its effect.
func (r *row) through() {
	r.proofs.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.alike)
}

// failed is told of each message that failed by what looks like its own fault. It
// returns an error when too many others did in the same way.
func (r *row) failed(p place, class string, cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.alike[class] == nil {
		r.alike[class] = map[place]struct{}{}
	}
	r.alike[class][p] = struct{}{}
	if n := len(r.alike[class]); n >= mostAlike {
		return fmt.Errorf("the last %d messages failed alike and none got through, so none is given up: %w", n, cause)
	}
	return nil
}

// trouble is what one message had, over all of its deliveries to this process.
type trouble struct {
	tried  int // times that it was given back for a while
	failed int // tries that failed by its own fault
	broken int // panics

	away    bool   // it has failed as if a server were away,
	proofs  uint64 // when so many others had got through;
	doubted int    // how often others got through between two such failures
}

// troubles are those of the messages of a consumer that are not done with.
type troubles struct {
	mu sync.Mutex
	of map[place]*trouble
}

// mostTroubled bounds what is remembered of messages that other bridges may have
// dealt with since.
const mostTroubled = 10000

// note changes and returns what is remembered of a message.
func (t *troubles) note(p place, change func(*trouble)) trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[p]
	if x == nil {
		if len(t.of) >= mostTroubled {
			for old := range t.of { // any
				delete(t.of, old)
				break
			}
		}
		x = &trouble{}
		t.of[p] = x
	}
	change(x)
	return *x
}

func (t *troubles) forget(p place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, p)
}
