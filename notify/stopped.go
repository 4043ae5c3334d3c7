package notify

import (
	"fmt"
	"sync"
	"time"

	"usher/event"
)

// stopped says when messages come back that found delivery paused. What waits is in
// Temporal and not in this process, so the pause may be long and the messages many:
// each comes back after a quarter of a minute, and no more of them in a second than
// after a pause of a provider.
type stopped struct {
	mu   sync.Mutex
	next time.Time // the earliest time to come back that no message was told yet
}

// stoppedLeast is after how long the first ones come back.
const stoppedLeast = 15 * time.Second

// refuse is nil unless delivery is paused. Its error is no try of the message, so
// that neither its tries nor its time run out.
func (s *stopped) refuse(sw event.Switch) error {
	p, yes := sw.Paused()
	if !yes {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	at := now.Add(stoppedLeast)
	if end := p.Until(); !end.IsZero() && end.Before(at) {
		at = end
	}
	if s.next.After(at) {
		at = s.next
	}
	if most := now.Add(comeBackMost); at.After(most) {
		at = most
	}
	s.next = at.Add(time.Second / comeBack)
	return event.Paused(fmt.Errorf("no message is handed over: %w", event.PausedStage{Stage: event.StageDelivery, Pause: p}), at.Sub(now))
}
