package sim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/event/promises"
)

// facts are what a subscriber hears of facts and dead letters, as they come.
type facts struct {
	mu      sync.Mutex
	list    []event.Fact
	seen    map[string]bool
	change  chan struct{}
	letters []promises.Letter
	empty   int // of them, of messages without a body
	stop    []func()
}

func (w *world) follow() error {
	f := &facts{change: make(chan struct{}), seen: map[string]bool{}}
	w.facts = f
	for stream, take := range map[string]func(jetstream.Msg){
		event.StreamOnboarding: func(m jetstream.Msg) {
			var x event.Fact
			if json.Unmarshal(m.Data(), &x) == nil {
				f.list = append(f.list, x)
				w.trace.say("fact", fmt.Sprintf("%s %s %s g%d n%d %s/%s", x.Kind, x.UserID, x.Status, x.Generation, x.N, x.EventSource, x.EventID))
			}
		},
		event.StreamDeadLetters: func(m jetstream.Msg) {
			h := m.Headers()
			l := promises.Letter{Stream: h.Get(event.HeaderStream), EventID: h.Get(event.HeaderEventID), Reason: h.Get(event.HeaderReason)}
			l.Sequence, _ = strconv.ParseUint(h.Get(event.HeaderSequence), 10, 64) // 0 of one that has none
			f.letters = append(f.letters, l)
			if len(m.Data()) == 0 && l.Reason == event.ReasonMalformed {
				f.empty++
			}
			w.trace.say("letter", l.Stream+" "+l.Reason+" "+h.Get(event.HeaderCause)+" "+string(m.Data()))
		},
	} {
		c, err := w.js.CreateConsumer(w.ctx(), stream, jetstream.ConsumerConfig{Durable: "looks-on", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1})
		if err != nil {
			return err
		}
		cc, err := c.Consume(func(m jetstream.Msg) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if _ = m.Ack(); f.seen[m.Subject()+m.Headers().Get("Nats-Msg-Id")] {
				return
			}
			f.seen[m.Subject()+m.Headers().Get("Nats-Msg-Id")] = true
			take(m)
			close(f.change)
			f.change = make(chan struct{})
		})
		if err != nil {
			return err
		}
		f.stop = append(f.stop, func() { cc.Stop(); <-cc.Closed() })
	}
	return nil
}

func (f *facts) close() {
	if f == nil {
		return
	}
	for _, stop := range f.stop {
		stop()
	}
}

// wait blocks until a fact comes that ok takes, and reports false when no time is
// left.
func (f *facts) wait(left func() time.Duration, ok func(event.Fact) bool) bool {
	look := time.NewTicker(5 * time.Second)
	defer look.Stop()
	seen := 0
	for {
		f.mu.Lock()
		list, change := f.list, f.change
		f.mu.Unlock()
		for ; seen < len(list); seen++ {
			if ok(list[seen]) {
				return true
			}
		}
		select {
		case <-change:
		case <-look.C:
			if left() <= 0 {
				return false
			}
		}
	}
}
