package app

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// calm is the log of Temporal's SDK and of the embedded servers. They call each step
// that ends with the process an error, though it is taken up later; while the process
// stops, that is no trouble of anything.
type calm struct {
	slog.Handler
	stopping *atomic.Bool
}

// Handle implements slog.Handler.
func (c calm) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelInfo && c.stopping.Load() {
		if r.Level = slog.LevelInfo; !c.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (c calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calm{c.Handler.WithAttrs(attrs), c.stopping}
}

// WithGroup implements slog.Handler.
func (c calm) WithGroup(name string) slog.Handler { return calm{c.Handler.WithGroup(name), c.stopping} }
