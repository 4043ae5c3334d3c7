package cmd

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"usher/streams"
)

type deadLettersCmd struct {
	Ls     lettersLs     `cmd:"" help:"List dead letters."`
	Show   lettersShow   `cmd:"" help:"Show one whole: cause, headers, body."`
	Replay lettersReplay `cmd:"" help:"Send dead letters again, after fixing the cause."`
	Drop   lettersDrop   `cmd:"" help:"Delete dead letters that are not needed any more."`
}

// letterFilter selects dead letters.
type letterFilter struct {
	Stream string        `help:"Only those of this stream." placeholder:"NAME"`
	Reason string        `help:"Only those with this reason." placeholder:"REASON"`
	Since  time.Duration `help:"Only those kept within this time." placeholder:"24h"`
}

func (f letterFilter) streams() streams.LetterFilter {
	return streams.LetterFilter{Stream: f.Stream, Reason: f.Reason, Since: f.Since}
}

type lettersLs struct {
	where        `embed:""`
	letterFilter `embed:""`
	JSON         bool `name:"json" help:"Print one JSON object a line, without bodies."`
}

// Run executes `usher deadletters ls`.
func (c lettersLs) Run(s *session) error {
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	n := 0
	err = streams.NewLetters(cl.JetStream).Each(s.ctx, c.streams(), func(l streams.Letter, _ uint64) error {
		n++
		l.Header, l.Data = nil, nil
		if c.JSON {
			return json.NewEncoder(s.stdout).Encode(l)
		}
		_, err := fmt.Fprintf(s.stdout, "%6d  %s  %s %d  %-16s %s\n", l.Seq, l.Kept.Local().Format(time.DateTime), l.Stream, l.Origin, l.Reason, l.Cause)
		return err
	})
	if err == nil && n == 0 && !c.JSON {
		fmt.Fprintln(s.stdout, "No dead letters.")
	}
	return err
}

type lettersShow struct {
	where `embed:""`
	Seq   uint64 `arg:"" help:"Number of the dead letter, as ls prints it."`
}

// Run executes `usher deadletters show`. It prints the body, which may be
// personal, so it goes to the terminal only.
func (c lettersShow) Run(s *session) error {
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	l, err := streams.NewLetters(cl.JetStream).Get(s.ctx, c.Seq)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "event    %s\ncause    %s (%s)\nfrom     %s %d, %s\nkept     %s\n", l.Event, l.Cause, l.Reason, l.Stream, l.Origin, l.To, l.Kept.Local().Format(time.DateTime))
	for k, v := range l.Header {
		fmt.Fprintf(s.stdout, "header   %s: %q\n", k, v)
	}
	_, err = fmt.Fprintf(s.stdout, "\n%s\n", l.Data)
	return err
}

// letterChoice is what replay and drop act on: numbers, a filter, or all.
type letterChoice struct {
	where        `embed:""`
	letterFilter `embed:""`
	Seqs         []uint64 `arg:"" optional:"" name:"seq" help:"Only these, by the number that ls prints."`
	DryRun       bool     `help:"Say what would be done, and do nothing."`
	All          bool     `help:"All of them, when neither a number nor a filter is given."`
}

// each does act to each chosen dead letter, and says so.
func (c letterChoice) each(s *session, verb, past string, act func(*streams.Letters, streams.Letter) error) error {
	if len(c.Seqs) == 0 && c.Stream == "" && c.Reason == "" && c.Since == 0 && !c.All {
		return usageError("say which ones: numbers, --stream, --reason, --since, or --all")
	}
	done := past
	if c.DryRun {
		done = "would be " + past
	}
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	letters, read, n := streams.NewLetters(cl.JetStream), 0, 0
	told := time.Now()
	err = letters.Each(s.ctx, c.streams(), func(l streams.Letter, all uint64) error {
		read++
		if time.Since(told) > time.Second {
			told = time.Now()
			fmt.Fprintf(s.stderr, "… %d of %d read, %d %s\n", read, all, n, done)
		}
		if len(c.Seqs) > 0 && !slices.Contains(c.Seqs, l.Seq) {
			return nil
		}
		n++
		if c.DryRun {
			_, err := fmt.Fprintf(s.stdout, "would %s %d, for %s\n", verb, l.Seq, l.To)
			return err
		}
		if err := act(letters, l); err != nil {
			return fmt.Errorf("dead letter %d: %w", l.Seq, err)
		}
		_, err := fmt.Fprintf(s.stdout, "%s %d, for %s\n", past, l.Seq, l.To)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%d dead letters %s\n", n, done)
	return err
}

type lettersReplay struct {
	letterChoice `embed:""`
}

// Run executes `usher deadletters replay`: each goes to its original subject
// under its original identity, so that an event that took effect after all has
// no second one. What cannot be used again becomes a new dead letter.
func (c lettersReplay) Run(s *session) error {
	return c.each(s, "send", "sent again", func(d *streams.Letters, l streams.Letter) error { return d.Replay(s.ctx, l) })
}

type lettersDrop struct {
	letterChoice `embed:""`
}

// Run executes `usher deadletters drop`.
func (c lettersDrop) Run(s *session) error {
	return c.each(s, "drop", "dropped", func(d *streams.Letters, l streams.Letter) error { return d.Drop(s.ctx, l.Seq) })
}
