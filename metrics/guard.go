package metrics

import (
	"log/slog"

	"usher/event"
)

// Guard stops the panics of a part of usher: it counts them, and logs each with
// its stack.
func (s *Shared) Guard(part string, log *slog.Logger) event.Guard {
	return func(p *event.PanicError) {
		s.Panics.WithLabelValues(part).Inc()
		log.Error("usher failed, and goes on", "what", p.Where, "error", p.Kind, "stack", p.Stack)
	}
}
