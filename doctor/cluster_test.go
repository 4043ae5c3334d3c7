package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/doctor"
	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// until asks until a check has a mark, and returns what it says then.
func (c *clinic) until(code string, mark doctor.Mark) doctor.Result {
	c.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		r := c.report()
		x := result(r, code)
		if x.Mark == mark {
			return x
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s is %s and does not become %s:\n%s", code, x.Mark, mark, text(r))
		}
	}
}

// consumersHaveCopies waits until the bridge's consumers are on all three nodes, as their
// streams are: one that is still on its first node alone goes away with that.
func (c *clinic) consumersHaveCopies() {
	c.Helper()
	for stream, name := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			on := 0
			consumer, err := c.js.Consumer(c.Context(), stream, name)
			if err == nil && consumer.CachedInfo().Cluster != nil {
				for _, r := range consumer.CachedInfo().Cluster.Replicas {
					if r.Current {
						on++
					}
				}
			}
			if on == 2 {
				break
			}
			if time.Now().After(deadline) {
				c.Fatalf("%s has %d current copies: %v", name, on, err)
			}
		}
	}
}

// On three nodes: one copy is a warning, a node that is gone is one, and with two gone
// nothing can be stored.
func TestClusters(t *testing.T) {
	c := newClinic(t)
	_, servers := natstest.StartCluster(t)
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.ClientURL())
	}
	c.useNATS(strings.Join(urls, ","))
	if x := c.until("DR0305", doctor.Warning); len(x.Problems) != streams.Count {
		t.Errorf("of one copy each: %q", x.Problems)
	}
	for _, name := range streams.Names() {
		s, err := c.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		cfg.Replicas = 3
		if _, err := c.js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	c.until("DR0305", doctor.OK)
	c.until("DR0306", doctor.OK)
	c.consumersHaveCopies()
	before := state(t, c.js)
	if x := c.until("DR0209", doctor.OK); state(t, c.js) != before {
		t.Errorf("trying the rights changed a stream: %s", x.Says)
	}

	servers[2].Shutdown()
	servers[2].WaitForShutdown()
	if x := c.until("DR0306", doctor.Warning); !strings.Contains(strings.Join(x.Problems, "\n"), servers[2].Name()) {
		t.Errorf("the copy that is away is not named: %q", x.Problems)
	}
	if x := c.until("DR0201", doctor.Warning); len(x.Problems) != 1 {
		t.Errorf("the server that is away: %q", x.Problems)
	}
	servers[1].Shutdown()
	servers[1].WaitForShutdown()
	for deadline := time.Now().Add(30 * time.Second); ; {
		r := c.report()
		if failed := r.Failing(); slices.Contains(failed, "DR0204") || slices.Contains(failed, "DR0306") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("with one of three nodes left:\n%s", text(r))
		}
	}
}
