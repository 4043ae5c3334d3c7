package streams

import (
	"encoding/json"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

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

// mostLatest is of how many records this process remembers what it saw last, about
// a kilobyte each.
const mostLatest = 1024

func newLatest() *lru.Cache[string, record] {
	c, err := lru.New[string, record](mostLatest)
	if err != nil {
		panic("streams: the size of the cache is positive: " + err.Error())
	}
	return c
}
