package inbox

import (
	"cmp"
	"slices"
	"sync"
)

// Files of an inbox are imported some at a time, the small ones first, and huge
// ones never take all the places: a list of five people does not wait behind one
// of ten million.
const (
	Importers = 4       // files of one inbox that are imported at the same time
	Huge      = 8 << 20 // bytes from which on a file is huge

	hugeOnes = 2 // of the importers may be at a huge file
)

// queue holds the claims of one folder that wait for an importer. It is as long
// as there are claims, which are few bytes each.
type queue struct {
	run func(id string) // imports a claim, until it is done or cannot be for now

	mu      sync.Mutex
	known   map[string]bool // waiting or in work
	waiting []claim         // the smallest last
	running int
	hugeNow int
	closed  bool
	wg      sync.WaitGroup
}

type claim struct {
	id   string
	size int64
}

func newQueue(run func(id string)) *queue { return &queue{run: run, known: map[string]bool{}} }

// add takes a claim, unless it is waiting or in work already.
func (q *queue) add(id string, size func() int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known[id] || q.closed {
		return
	}
	q.known[id] = true
	c := claim{id, size()}
	at, _ := slices.BinarySearchFunc(q.waiting, c, func(a, b claim) int { return cmp.Compare(b.size, a.size) })
	q.waiting = slices.Insert(q.waiting, at, c)
	q.start()
}

// has reports whether a claim is waiting or in work.
func (q *queue) has(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.known[id]
}

// start gives waiting claims to free importers. The caller holds mu.
func (q *queue) start() {
	for i := len(q.waiting) - 1; i >= 0 && q.running < Importers; i-- {
		c := q.waiting[i]
		big := c.size >= Huge
		if big && q.hugeNow >= hugeOnes {
			return // those before it are as big
		}
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.running++
		if big {
			q.hugeNow++
		}
		q.wg.Go(func() {
			q.run(c.id)
			q.mu.Lock()
			defer q.mu.Unlock()
			delete(q.known, c.id)
			q.running--
			if big {
				q.hugeNow--
			}
			q.start()
		})
	}
}

// over reports that the folder is not served any more: what fails is not tried
// again.
func (q *queue) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// drain takes nothing more and waits for what it has.
func (q *queue) drain() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wg.Wait()
}
