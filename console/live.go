package console

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"usher/event"
)

// live tells open pages what has changed in the read model. Changes are collected for
// a moment, so that an import of a million people is a few events a second, each of
// bounded size. A page that was away gets what it missed, or is told to read its list
// anew.
type live struct {
	born string // tells the events of this process from those of another
	wake chan struct{}

	mu      sync.Mutex
	last    uint64
	kept    []told              // the last events, the oldest first
	pages   map[chan told]sight // what each may be told of
	touched map[string]struct{} // users since the last event
	pending changes             // the rest of what the next event says
}

// told is an event as it goes over the wire.
type told struct {
	n    uint64
	data []byte
}

// changes is the body of an event.
type changes struct {
	Users   []changed `json:"users"`
	More    bool      `json:"more"`    // more users than are named
	Imports bool      `json:"imports"` // something about imports
	Bulk    bool      `json:"bulk"`    // something about operations
	Waiting int       `json:"waiting"`
	Letters int       `json:"letters"`
}

// changed is how someone stands now, in the terms of the filters of a list.
type changed struct {
	ID       string       `json:"id"`
	Status   event.Status `json:"status"`
	Inbox    string       `json:"inbox"`
	Import   string       `json:"import"`
	Language string       `json:"language"`
	By       string       `json:"by"`
	Half     bool         `json:"half,omitempty"` // one of two has decided
	Since    int64        `json:"since"`          // in microseconds, like the list's own time
	Gone     bool         `json:"gone,omitempty"` // forgotten
}

const (
	collectFor  = 250 * time.Millisecond
	mostTouched = 200 // users that one event names
	mostKept    = 256 // events for pages that were away
	mostBehind  = 16  // events that a page may be behind; then its stream ends and it comes again
	mostPages   = 1000
	writeWithin = 10 * time.Second
)

func newLive() *live {
	return &live{born: event.NewID(), wake: make(chan struct{}, 1), pages: map[chan told]sight{}, touched: map[string]struct{}{}}
}

// user notes that a user has changed, imports and letters the same of their pages.
func (l *live) user(id string) {
	l.note(func() {
		if len(l.touched) < mostTouched {
			l.touched[id] = struct{}{}
		} else if _, there := l.touched[id]; !there {
			l.pending.More = true
		}
	})
}

func (l *live) imports()    { l.note(func() { l.pending.Imports = true }) }
func (l *live) operations() { l.note(func() { l.pending.Bulk = true }) }
func (l *live) letters()    { l.note(func() {}) }

func (l *live) note(f func()) {
	l.mu.Lock()
	f()
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// run tells what was noted until ctx ends.
func (l *live) run(ctx context.Context, m *model) error {
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(collectFor):
		case <-ctx.Done():
			return nil
		}
		if err := l.tell(ctx, m); err != nil && ctx.Err() == nil {
			l.note(func() { l.pending.More, l.pending.Imports, l.pending.Bulk = true, true, true }) // what it was is not known any more
			return err
		}
	}
}

// tell makes an event of what was noted, and of it one for each set of inboxes that
// pages are limited to. Without a page there is no event, and who
// comes later with an older one is told to read anew.
func (l *live) tell(ctx context.Context, m *model) error {
	l.mu.Lock()
	c, touched, pages := l.pending, l.touched, len(l.pages)
	l.pending, l.touched = changes{}, map[string]struct{}{}
	if pages == 0 {
		l.last++
		l.kept = nil
	}
	l.mu.Unlock()
	if pages == 0 {
		return nil
	}
	var err error
	if c.Users, err = m.changed(ctx, touched); err != nil {
		return err
	}
	l.mu.Lock()
	seen := map[string]sight{"": {}}
	for _, s := range l.pages {
		seen[s.key()] = s
	}
	l.mu.Unlock()
	data := map[string][]byte{}
	for key, s := range seen {
		if data[key], err = c.seenBy(ctx, m, s); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	if l.kept = append(l.kept, told{l.last, data[""]}); len(l.kept) > mostKept {
		l.kept = l.kept[1:]
	}
	for p, s := range l.pages {
		e := told{l.last, data[s.key()]}
		if e.data == nil { // it came a moment ago, and comes again
			delete(l.pages, p)
			close(p)
			continue
		}
		select {
		case p <- e:
		default:
			delete(l.pages, p)
			close(p)
		}
	}
	return nil
}

// seenBy is the event as it is told to those who see so much.
func (c changes) seenBy(ctx context.Context, m *model, s sight) ([]byte, error) {
	if s.limited {
		all := c.Users
		c.Users = []changed{}
		for _, u := range all {
			switch {
			case u.Gone: // whose inbox that was is not known any more
				c.More = true
			case slices.Contains(s.inboxes, u.Inbox):
				c.Users = append(c.Users, u)
			}
		}
	}
	var err error
	if c.Waiting, c.Letters, err = m.heads(seeing(ctx, s)); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// position is the id of the last event.
func (l *live) position() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id(l.last)
}

func (l *live) id(n uint64) string { return l.born + "-" + strconv.FormatUint(n, 10) }

// follow returns what came after an event, and a channel with what comes, which is
// closed when the page is too far behind. known is false when the events after that
// one are not kept as the page may see them; ok when there are too many pages.
func (l *live) follow(id string, s sight) (missed []told, known bool, next chan told, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pages) >= mostPages {
		return nil, false, nil, false
	}
	born, seq, _ := strings.Cut(id, "-")
	after, err := strconv.ParseUint(seq, 10, 64)
	first := l.last + 1 - uint64(len(l.kept))
	known = err == nil && born == l.born && after+1 >= first && after <= l.last
	if s.limited && after != l.last {
		known = false
	}
	if known {
		missed = append(missed, l.kept[after+1-first:]...)
	}
	next = make(chan told, mostBehind)
	l.pages[next] = s
	return missed, known, next, true
}

func (l *live) leave(next chan told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pages, next)
}

// changed reads how users stand.
func (m *model) changed(ctx context.Context, ids map[string]struct{}) ([]changed, error) {
	out := make([]changed, 0, len(ids))
	for id := range ids {
		c := changed{ID: id}
		rows, err := m.db.QueryContext(ctx, `SELECT status, source, import, lang, decider, since, half != '' FROM people WHERE user_id = ?`, id)
		if err != nil {
			return nil, err
		}
		if c.Gone = !rows.Next(); !c.Gone {
			err = rows.Scan(&c.Status, &c.Inbox, &c.Import, &c.Language, &c.By, &c.Since, &c.Half)
		}
		if err2 := rows.Close(); err == nil {
			err = err2
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
