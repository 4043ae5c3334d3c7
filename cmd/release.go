package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/event"
)

type releaseCmd struct {
	where  `embed:""`
	What   string        `arg:"" name:"file" help:"The file, or the id of its import."`
	Refuse bool          `help:"Give it back instead: nothing of it is published."`
	Wait   time.Duration `help:"How long to wait until the watcher has begun with it." default:"10s"`
}

// Run executes `usher release`.
func (r releaseCmd) Run(s *session) error {
	c, err := r.dial(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := r.find(s.ctx, c)
	if err != nil {
		return err
	}
	rel := event.Release{Import: p.Import, Source: p.Source, Digest: p.Digest, Refuse: r.Refuse, Actor: actor(), At: time.Now().UTC()}
	data, err := json.Marshal(rel)
	if err != nil {
		return err
	}
	m := nats.NewMsg(rel.Subject())
	m.Data = data
	m.Header.Set("Nats-Rollup", "sub")
	m.Header.Set("Nats-TTL", event.ReleaseKept.String())
	if _, err := c.JetStream.PublishMsg(s.ctx, m, jetstream.WithExpectStream(event.StreamUsers)); err != nil {
		return app.Explain("the release may have been stored", app.SafeAgain, err)
	}
	return r.outcome(s, c, p)
}

// find is the one held import that is meant.
func (r releaseCmd) find(ctx context.Context, c *app.Client) (event.Progress, error) {
	name := filepath.Base(r.What)
	found, err := imports(ctx, c, func(p event.Progress) bool { return p.Import == r.What || p.File == name })
	if err != nil {
		return event.Progress{}, err
	}
	var held []event.Progress
	for _, p := range found {
		if p.State == event.ImportHeld {
			held = append(held, p)
		}
	}
	switch {
	case len(held) == 1:
		return held[0], nil
	case len(held) > 1:
		slices.SortFunc(held, func(a, b event.Progress) int { return cmp.Compare(a.Import, b.Import) })
		var ids []string
		for _, p := range held {
			ids = append(ids, fmt.Sprintf("%s (inbox %s, %d rows)", p.Import, p.Source, p.Rows))
		}
		return event.Progress{}, fmt.Errorf("%d files named %s are held; name the import: %s", len(held), name, strings.Join(ids, ", "))
	case len(found) > 0:
		return event.Progress{}, fmt.Errorf("%s is not held; `usher status %s` says where it stands", r.What, r.What)
	}
	return event.Progress{}, fmt.Errorf("usher knows no file and no import %q", r.What)
}

// outcome waits until the watcher has taken the answer.
func (r releaseCmd) outcome(s *session, c *app.Client, p event.Progress) error {
	for end := time.Now().Add(r.Wait); time.Now().Before(end); {
		now, err := imports(s.ctx, c, func(q event.Progress) bool { return q.Import == p.Import })
		if err != nil {
			return err
		}
		if len(now) == 1 && (now[0].State != event.ImportHeld || now[0].Digest != p.Digest) {
			fmt.Fprintln(s.stdout, progressLine(now[0]))
			return nil
		}
		if !event.Sleep(s.ctx, 300*time.Millisecond) {
			return s.ctx.Err()
		}
	}
	fmt.Fprintf(s.stdout, "%s: stored, and not taken yet; see `usher status %s`\n", p.File, p.Import)
	return nil
}
