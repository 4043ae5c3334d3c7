package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
)

// keyPaused begins the keys of what operators say about stages; the stage follows.
const keyPaused = "paused."

func pausedSubject(stage string) string {
	return "$KV." + event.BucketControl + "." + keyPaused + stage
}

// ReadPauses reads what operators last said about each stage, from the leader. A stage
// of which nothing was said is not there.
func ReadPauses(ctx context.Context, js jetstream.JetStream) (map[event.Stage]event.Pause, error) {
	said := map[event.Stage]event.Pause{}
	for _, stage := range event.Stages() {
		m, err := Last(brief{ctx}, js, "KV_"+event.BucketControl, pausedSubject(string(stage)))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && removed(m):
			continue
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", event.BucketControl, err)
		}
		var p event.Pause
		if err := json.Unmarshal(m.Data, &p); err != nil {
			return nil, fmt.Errorf("what %s says of the stage %s cannot be read", event.BucketControl, stage)
		}
		p.At = m.Stored
		said[stage] = p
	}
	return said, nil
}

// SayPause stores the word of an operator about a stage, in place of the last one.
func SayPause(ctx context.Context, js jetstream.JetStream, stage event.Stage, p event.Pause) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = js.Publish(brief{ctx}, pausedSubject(string(stage)), data, jetstream.WithExpectStream("KV_"+event.BucketControl))
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("there is no bucket %s, or it cannot be reached: run `usher setup` of this release (%w)", event.BucketControl, err)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", event.BucketControl, err)
	}
	return nil
}

// Pauses knows which stages operators have paused. It hears of a change when it is
// stored, and looks itself after each new connection and from time to time. While NATS
// is away, what was said last holds. It is safe for concurrent use.
type Pauses struct {
	js     jetstream.JetStream
	paused *prometheus.GaugeVec // stage
	ends   *prometheus.GaugeVec // stage
	log    *slog.Logger

	mu      sync.Mutex
	said    map[event.Stage]event.Pause
	holds   map[event.Stage]bool // as it was told last
	changed chan struct{}        // is closed at the next change
}

// pausesEvery is how often the bucket is looked at though no change was heard of.
const pausesEvery = 30 * time.Second

// pausesAgain is how soon it is looked at again when it could not be read, or may be old.
const pausesAgain = time.Second

// NewPauses reads the bucket, which Ensure has made, so that no stage begins before it
// is known whether it may. It shows the stages in the two gauges: whether each is
// paused, and when that ends by itself, in seconds since 1970.
func NewPauses(ctx context.Context, js jetstream.JetStream, paused, ends *prometheus.GaugeVec, log *slog.Logger) (*Pauses, error) {
	p := &Pauses{js: js, paused: paused, ends: ends, log: log, holds: map[event.Stage]bool{}, changed: make(chan struct{})}
	return p, p.load(ctx)
}

// Switch tells the stage whether it is paused.
func (p *Pauses) Switch(stage event.Stage) event.Switch {
	return func() (event.Pause, <-chan struct{}) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.said[stage], p.changed
	}
}

// Now are the stages that are paused.
func (p *Pauses) Now() []event.PausedStage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return event.PausedStages(p.said, time.Now())
}

// Notes say which stages are paused, one sentence each.
func (p *Pauses) Notes() (out []string) {
	for _, s := range p.Now() {
		out = append(out, s.Error())
	}
	return out
}

// Run keeps what is known up to date until ctx ends.
func (p *Pauses) Run(ctx context.Context) error {
	look := make(chan struct{}, 1)
	hint := func() {
		select {
		case look <- struct{}{}:
		default:
		}
	}
	nc := p.js.Conn()
	sub, err := nc.Subscribe(pausedSubject("*"), func(*nats.Msg) { hint() })
	if err != nil {
		return fmt.Errorf("hear of pauses: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed
	back := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(back)
	hint() // of what was said since it was read
	timer := time.NewTimer(pausesEvery)
	defer timer.Stop()
	unsure := true // what was on its way when it began to listen is not heard, and perhaps not read
	for {
		again := p.tell()
		if unsure {
			again = min(again, pausesAgain)
		}
		timer.Reset(again)
		select {
		case <-look:
		case <-back:
			unsure = true
		case <-timer.C:
			unsure = false
		case <-ctx.Done():
			return nil
		}
		if p.load(ctx) != nil { // what was said last holds meanwhile
			unsure = true
		}
	}
}

// load reads what was said. One thing that cannot be read changes nothing.
func (p *Pauses) load(ctx context.Context) error {
	said, err := ReadPauses(ctx, p.js)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.said = said
	p.mu.Unlock()
	p.tell()
	return nil
}

// tell wakes who waits for a change, and says in how long there is one that comes by
// itself, or the next look.
func (p *Pauses) tell() (again time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, again, news := time.Now(), pausesEvery, false
	for _, stage := range event.Stages() {
		said := p.said[stage]
		holds, end := said.Holds(now), said.Until()
		p.show(stage, said, holds)
		if holds && !end.IsZero() {
			again = min(again, max(end.Sub(now), time.Millisecond))
		}
		if holds == p.holds[stage] {
			continue
		}
		p.holds[stage], news = holds, true
		switch {
		case holds && end.IsZero():
			p.log.Warn("an operator has paused a stage", "stage", stage, "since", said.At)
		case holds:
			p.log.Warn("an operator has paused a stage", "stage", stage, "since", said.At, "until", end)
		case said.Paused:
			p.log.Warn("a stage goes on: its pause was to end now", "stage", stage, "since", said.At)
		default:
			p.log.Info("a stage goes on: an operator has resumed it", "stage", stage)
		}
	}
	if news {
		close(p.changed)
		p.changed = make(chan struct{})
	}
	return again
}

func (p *Pauses) show(stage event.Stage, said event.Pause, holds bool) {
	is, ends := 0.0, 0.0
	if holds {
		is = 1
		if end := said.Until(); !end.IsZero() {
			ends = float64(end.Unix())
		}
	}
	p.paused.WithLabelValues(string(stage)).Set(is)
	p.ends.WithLabelValues(string(stage)).Set(ends)
}
