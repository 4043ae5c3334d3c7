package streams

import (
	"encoding/json"
	"fmt"
	"sync"

	"usher/event"
)

// record is a person as the bucket holds it.
type record struct {
	value    []byte
	revision uint64
}

func (r record) person() (p event.Person, err error) {
	if err := json.Unmarshal(r.value, &p); err != nil {
		return event.Person{}, event.Permanent(fmt.Errorf("the record of the person cannot be read: revision %d", r.revision))
	}
	return p, nil
}

// latest are the records that this process saw last, some of them.
type latest struct {
	mu      sync.Mutex
	records map[string]record
}

// mostLatest bounds the memory that they take: about a kilobyte each.
const mostLatest = 1024

func (l *latest) recall(userID string) (record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.records[userID]
	return r, ok
}

func (l *latest) remember(userID string, r record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records == nil || len(l.records) >= mostLatest {
		l.records = map[string]record{}
	}
	l.records[userID] = r
}

func (l *latest) forget(userID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.records, userID)
}
