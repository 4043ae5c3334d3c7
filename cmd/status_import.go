package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"usher/app"
	"usher/event"
	"usher/streams"
)

// progress says where an import stands by what its watcher told on NATS, which may be
// on another machine, and reports whether there is one.
func (c statusCmd) progress(s *session, cl *app.Client) (bool, error) {
	name := filepath.Base(c.What)
	line := s.ticker()
	defer line.done()
	for {
		found, err := imports(s.ctx, cl, func(p event.Progress) bool { return p.Import == c.What || p.File == name })
		if err != nil || len(found) == 0 {
			return false, err
		}
		work := slices.DeleteFunc(slices.Clone(found), event.Progress.Over)
		if !c.Wait || len(work) == 0 || heldAll(work) {
			over := len(work) == 0
			if over { // the same file may have been imported before
				work = []event.Progress{slices.MaxFunc(found, func(a, b event.Progress) int { return a.At.Compare(b.At) })}
			}
			var text strings.Builder
			for _, p := range work {
				fmt.Fprintf(&text, "%s, told %s\n", progressLine(p), p.At.Local().Format(time.DateTime))
			}
			if over {
				return true, c.print(s, work, text.String())
			}
			return true, c.stopped(s, work, text.String())
		}
		line.show(progressLine(work[0]))
		if !event.Sleep(s.ctx, 500*time.Millisecond) {
			return true, s.ctx.Err()
		}
	}
}

// imports are what watchers told last of each import that matches.
func imports(ctx context.Context, cl *app.Client, match func(event.Progress) bool) (out []event.Progress, err error) {
	last := map[string]event.Progress{} // by import
	sel := streams.Selection{Subjects: []string{event.ProgressSubject("*", "*")}, Latest: true}
	err = streams.Read(ctx, cl.JetStream, event.StreamUsers, sel, func(m streams.Message, _ uint64) error {
		var p event.Progress
		if json.Unmarshal(m.Data, &p) == nil && p.Source != event.SourceCanary {
			last[p.Import] = p
		}
		return nil
	})
	for _, p := range slices.SortedFunc(maps.Values(last), func(a, b event.Progress) int { return a.StartedAt.Compare(b.StartedAt) }) {
		if match(p) {
			out = append(out, p)
		}
	}
	return out, err
}
