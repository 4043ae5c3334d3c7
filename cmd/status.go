package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/event"
	"usher/ingest"
	"usher/streams"
)

type statusCmd struct {
	where `embed:""`
	What  string `arg:"" optional:"" help:"A file, an import, a user or an event; nothing for everything at a glance."`
	Inbox string `help:"Folder of the inbox that a file was dropped into, when it is not in the data folder." type:"path" placeholder:"DIR"`
	Wait  bool   `help:"Of a file or an import: wait until it is done."`
	JSON  bool   `name:"json" help:"Print as JSON."`
}

// Run executes `usher status`.
func (c statusCmd) Run(s *session) error {
	if c.What != "" {
		if done, err := c.file(s); done || err != nil {
			return err
		}
	}
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	if c.What == "" {
		return c.overview(s, cl)
	}
	if done, err := c.progress(s, cl); done || err != nil {
		return err
	}
	if event.CheckUserID(c.What) == nil {
		p, ok, err := cl.People.Get(s.ctx, c.What)
		if err != nil {
			return err
		}
		if ok {
			return c.user(s, cl, p)
		}
	}
	facts, err := c.factsOf(s.ctx, cl, c.What)
	if err != nil {
		return err
	}
	if len(facts) > 0 { // a user who is not there yet
		return c.print(s, facts, timeline(facts))
	}
	e, err := c.event(s.ctx, cl)
	if err != nil {
		return err
	}
	answers := func(f event.Fact) bool { return f.EventID == c.What }
	if e != nil && e.UserID != "" {
		if e.Facts, err = c.facts(s.ctx, cl, event.FactsOf(e.UserID), answers); err != nil {
			return err
		}
		if len(e.Facts) > 0 {
			return c.print(s, e, e.text())
		}
	}
	if facts, err = c.facts(s.ctx, cl, nil, answers); err != nil { // told under another id, or the event is not kept any more
		return err
	}
	if len(facts) == 0 && e == nil {
		return fmt.Errorf("usher knows no file, import, user or event %q", c.What)
	}
	if e == nil {
		return c.print(s, facts, timeline(facts))
	}
	e.Facts = facts
	return c.print(s, e, e.text())
}

// file says where a file or an import stands, and reports whether there is one.
// An import in work comes first: the same file may have been imported before.
func (c statusCmd) file(s *session) (bool, error) {
	line := s.ticker()
	defer line.done()
	for missed := 0; ; {
		work := ingest.InWork(c.What, c.inboxes()...)
		r, reported := c.report()
		switch {
		case len(work) > 0 && (!c.Wait || heldAll(work)):
			var text strings.Builder
			for _, p := range work {
				fmt.Fprintf(&text, "%s\n", progressLine(p))
			}
			return true, c.stopped(s, work, text.String())
		case len(work) > 0:
			line.show(progressLine(work[0]))
		case reported:
			line.done()
			return true, c.print(s, r, r.Text())
		case !c.Wait || missed > 10:
			return false, nil
		default: // between the end of the work and the report there may be neither
			missed++
		}
		if !event.Sleep(s.ctx, 500*time.Millisecond) {
			return true, s.ctx.Err()
		}
	}
}

// heldAll reports whether nothing goes on before a person has answered.
func heldAll(work []event.Progress) bool {
	return !slices.ContainsFunc(work, func(p event.Progress) bool { return p.State != event.ImportHeld })
}

// stopped prints where imports in work stand. To wait for a file that is held would be
// to wait for oneself.
func (c statusCmd) stopped(s *session, work []event.Progress, text string) error {
	err := c.print(s, work, text)
	if err == nil && c.Wait {
		err = fmt.Errorf("%s is held; `usher release %s` lets it go, and with --refuse gives it back", work[0].File, work[0].Import)
	}
	return err
}

// inboxes are the folders that may hold an import in work.
func (c statusCmd) inboxes() []string {
	dirs, _ := filepath.Glob(filepath.Join(c.Data, "*")) // the pattern is good
	if c.Inbox != "" {
		dirs = append(dirs, c.Inbox)
	}
	if dir := filepath.Dir(c.What); dir != "." {
		dirs = append(dirs, dir)
	}
	return slices.DeleteFunc(dirs, func(dir string) bool {
		i, err := os.Stat(filepath.Join(dir, ".usher"))
		return err != nil || !i.IsDir()
	})
}

// report finds the report of a file or an import in the data folder.
func (c statusCmd) report() (ingest.Report, bool) {
	var found ingest.Report
	name := filepath.Base(c.What)
	for _, folder := range []string{"archive", "refused"} {
		paths, _ := filepath.Glob(filepath.Join(c.Data, folder, "*", "*.report.json")) // the pattern is good
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				continue
			}
			var r ingest.Report
			if json.Unmarshal(b, &r) == nil && (r.Import == c.What || r.File == name) && r.FinishedAt.After(found.FinishedAt) {
				found = r
			}
		}
	}
	return found, found.Import != ""
}

func (c statusCmd) user(s *session, cl *app.Client, p event.Person) error {
	facts, err := c.factsOf(s.ctx, cl, c.What)
	if err != nil {
		return err
	}
	status := p.Status
	var top event.Fact
	for _, f := range facts {
		if f.Status != "" && (f.Generation > top.Generation || f.Generation == top.Generation && f.N >= top.N) {
			top = f
		}
	}
	if !status.Final() && top.Status != "" {
		status = top.Status
	}
	out := struct {
		UserID   string          `json:"user_id"`
		Status   event.Status    `json:"status"`
		Half     []event.Vote    `json:"half,omitempty"` // decisions that wait for a second person's
		Person   event.Person    `json:"person"`
		Messages []event.Message `json:"messages,omitempty"`
		Timeline []event.Fact    `json:"timeline"`
	}{c.What, status, top.Half, p, p.Messages(), facts}
	var messages strings.Builder
	for _, v := range top.Half {
		fmt.Fprintf(&messages, "  half: %s by %s; another person has to say the same\n", v.Verdict, v.By)
	}
	messages.WriteString(p.Trouble.Timeline())
	for _, m := range out.Messages {
		messages.WriteString(m.Timeline())
	}
	return c.print(s, out, fmt.Sprintf("%s: %s (inbox %s)\n%s%s", c.What, status, p.Source, messages.String(), timeline(facts)))
}

func timeline(facts []event.Fact) string {
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "  %s  %s", f.At.Local().Format(time.DateTime), f.Kind)
		for _, x := range []string{f.Channel, f.Reason, f.EventSource, f.EventID} {
			if x != "" {
				b.WriteString(" " + x)
			}
		}
		switch f.Effect {
		case event.EffectLate, event.EffectRefused:
			b.WriteString(": " + verdictOf(f))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// factsOf returns the facts about a user, in order.
func (c statusCmd) factsOf(ctx context.Context, cl *app.Client, userID string) ([]event.Fact, error) {
	return c.facts(ctx, cl, event.FactsOf(userID), func(f event.Fact) bool { return f.UserID == userID })
}

// facts reads ONBOARDING, or some subjects of it, from the start and returns what
// matches, in order.
func (c statusCmd) facts(ctx context.Context, cl *app.Client, subjects []string, match func(event.Fact) bool) ([]event.Fact, error) {
	var out []event.Fact
	seen := map[string]bool{}
	err := streams.Read(ctx, cl.JetStream, event.StreamOnboarding, streams.Selection{Subjects: subjects}, func(m streams.Message, _ uint64) error {
		var f event.Fact
		if json.Unmarshal(m.Data, &f) == nil && !seen[f.ID] && match(f) {
			seen[f.ID] = true
			out = append(out, f)
		}
		return nil
	})
	slices.SortStableFunc(out, inOrder)
	return out, err
}

// inOrder compares facts by when they came true, and those of one moment by their
// number: an end has the time of its latest message.
func inOrder(a, b event.Fact) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.N, b.N))
}

// overview is everything at a glance: how much is in each stream and where the
// bridge is.
func (c statusCmd) overview(s *session, cl *app.Client) error {
	type row struct {
		Name     string `json:"name"`
		Messages uint64 `json:"messages"`
		Pending  uint64 `json:"pending,omitempty"`
		Paused   string `json:"paused,omitempty"` // of a stage: since when, and until when
	}
	var rows []row
	for _, name := range []string{event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters} {
		st, err := cl.JetStream.Stream(s.ctx, name)
		if err != nil {
			return err
		}
		rows = append(rows, row{Name: name, Messages: st.CachedInfo().State.Msgs})
	}
	for i, name := range []string{event.ConsumerUsers, event.ConsumerVerifications} {
		cons, err := cl.JetStream.Consumer(s.ctx, rows[i].Name, name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		rows[i].Pending = cons.CachedInfo().NumPending + uint64(cons.CachedInfo().NumAckPending)
	}
	paused, err := pausedNow(s.ctx, cl)
	if err != nil {
		return err
	}
	var b strings.Builder
	if c.JSON {
		for _, p := range paused {
			rows = append(rows, row{Name: string(p.Stage), Paused: p.Error()})
		}
	} else {
		b.WriteString(pausedLines(paused))
		work, err := imports(s.ctx, cl, func(p event.Progress) bool { return !p.Over() })
		if err != nil {
			return err
		}
		if here := ingest.InWork("", c.inboxes()...); len(here) > 0 { // the watcher is on this machine: it knows best
			work = here
		}
		for _, p := range work {
			fmt.Fprintf(&b, "%s\n", progressLine(p))
		}
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "%-14s %8d messages", r.Name, r.Messages)
		if r.Pending > 0 {
			fmt.Fprintf(&b, ", %d wait for the bridge", r.Pending)
		}
		b.WriteByte('\n')
	}
	return c.print(s, rows, b.String())
}

func (c statusCmd) print(s *session, v any, text string) error {
	if c.JSON {
		e := json.NewEncoder(s.stdout)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	_, err := fmt.Fprint(s.stdout, text)
	return err
}
