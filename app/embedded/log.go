//go:build !noembed

package embedded

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// temporalLog hands what Temporal says from warn on to slog. Temporal reports
// through Fatal that a part of it cannot go on.
type temporalLog struct {
	log   *slog.Logger
	fail  func(error)
	quiet *atomic.Bool // while it starts or stops, its parts complain about one another
}

var _ log.WithLogger = temporalLog{}

func (l temporalLog) Debug(string, ...tag.Tag) {}
func (l temporalLog) Info(string, ...tag.Tag)  {}

func (l temporalLog) Warn(msg string, tags ...tag.Tag) {
	if !l.quiet.Load() {
		l.log.Warn("Temporal warns", attributes(msg, tags)...)
	}
}

func (l temporalLog) Error(msg string, tags ...tag.Tag) {
	if !l.quiet.Load() {
		l.log.Error("Temporal reports an error", attributes(msg, tags)...)
	}
}

func (l temporalLog) DPanic(msg string, tags ...tag.Tag) { l.Error(msg, tags...) }

func (l temporalLog) Panic(msg string, tags ...tag.Tag) {
	l.Error(msg, tags...)
	panic("Temporal: " + msg)
}

func (l temporalLog) Fatal(msg string, tags ...tag.Tag) {
	l.log.Error("Temporal cannot go on", attributes(msg, tags)...)
	err := fmt.Errorf("the Temporal server: %s", msg)
	for _, t := range tags {
		if t.Key() == "error" {
			err = fmt.Errorf("%w: %v", err, t.Value())
		}
	}
	l.fail(err)
}

// With implements log.WithLogger.
func (l temporalLog) With(tags ...tag.Tag) log.Logger {
	return temporalLog{l.log.With(attributes("", tags)[2:]...), l.fail, l.quiet}
}

// attributes leaves out stack traces; Temporal adds one to each error.
func attributes(msg string, tags []tag.Tag) []any {
	out := []any{"text", msg}
	for _, t := range tags {
		if k := t.Key(); k != "stack-trace" && k != "logging-call-at" {
			out = append(out, slog.Any(k, t.Value()))
		}
	}
	return out
}
