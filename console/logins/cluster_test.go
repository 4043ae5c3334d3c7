package logins

import (
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// In a cluster the server tells one who was overtaken so with another code while the other
// change is under way. Each change at once is made in the end, and none is lost.
func TestChangesAtOnceInACluster(t *testing.T) {
	js, _ := natstest.StartCluster(t)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: event.BucketConsole, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(kv)
	const consoles, each = 6, 4
	var wg sync.WaitGroup
	for c := range consoles {
		wg.Go(func() {
			for n := range each {
				if err := s.Add(t.Context(), fmt.Sprintf("a%d-%d", c, n), Viewer, nil, "test"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, err := s.Read(t.Context())
	if err != nil || len(all.Logins) != consoles*each {
		t.Errorf("%d logins are there: %v", len(all.Logins), err)
	}
}
