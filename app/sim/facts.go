package sim

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// facts are all facts and dead letters, as they come.
type facts struct {
	mu      sync.Mutex
	list    []event.Fact
	seen    map[string]bool
	change  chan struct{}
	letters []letter
	stop    []func()
}

// letter is a dead letter.
type letter struct {
	stream, reason, cause, eventID string
	subject                        string
	data                           []byte
}

func (w *world) follow() error {
	f := &facts{change: make(chan struct{}), seen: map[string]bool{}}
	w.facts = f
	for stream, take := range map[string]func(jetstream.Msg){
		event.StreamOnboarding: func(m jetstream.Msg) {
			var x event.Fact
			if json.Unmarshal(m.Data(), &x) == nil {
				f.list = append(f.list, x)
				w.trace.say("fact", x.Kind+" "+x.UserID+" "+string(x.Status)+" g"+string(rune('0'+x.Generation))+" "+x.EventSource+"/"+x.EventID)
			}
		},
		event.StreamDeadLetters: func(m jetstream.Msg) {
			h := m.Headers()
			l := letter{h.Get(event.HeaderStream), h.Get(event.HeaderReason), h.Get(event.HeaderCause), h.Get(event.HeaderEventID), h.Get(event.HeaderSubject), m.Data()}
			f.letters = append(f.letters, l)
			w.trace.say("letter", l.stream+" "+l.reason+" "+l.cause+" "+string(l.data))
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
