package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/event"
)

type deadLettersCmd struct {
	Ls     lettersLs     `cmd:"" help:"List dead letters."`
	Show   lettersShow   `cmd:"" help:"Show one whole: cause, headers, body."`
	Replay lettersReplay `cmd:"" help:"Send dead letters again, after what was wrong is mended."`
	Drop   lettersDrop   `cmd:"" help:"Delete dead letters that nobody needs."`
}

// letterFilter selects dead letters.
type letterFilter struct {
	Stream string        `help:"Only those of this stream." placeholder:"NAME"`
	Reason string        `help:"Only those with this reason." placeholder:"REASON"`
	Since  time.Duration `help:"Only those kept within this time." placeholder:"24h"`
}

// letter is a dead letter as it is kept.
type letter struct {
	Seq    uint64              `json:"seq"`
	Kept   time.Time           `json:"kept"`
	Stream string              `json:"stream"`
	Origin uint64              `json:"sequence"`
	Reason string              `json:"reason"`
	Cause  string              `json:"cause"`
	To     string              `json:"subject"`
	Header map[string][]string `json:"headers,omitempty"` // the original ones
	Data   []byte              `json:"data,omitempty"`
}

func readLetter(m jetstream.Msg) (letter, error) {
	meta, err := m.Metadata()
	if err != nil {
		return letter{}, err
	}
	h := m.Headers()
	l := letter{
		Seq: meta.Sequence.Stream, Kept: meta.Timestamp, Stream: h.Get(event.HeaderStream), Reason: h.Get(event.HeaderReason),
		Cause: h.Get(event.HeaderCause), To: h.Get(event.HeaderSubject), Header: map[string][]string{}, Data: m.Data(),
	}
	l.Origin, _ = strconv.ParseUint(h.Get(event.HeaderSequence), 10, 64) // 0 for what is not usher's
	for k, v := range h {
		switch original, kept := strings.CutPrefix(k, event.HeaderOriginal); {
		case kept:
			l.Header[original] = v
		case !strings.HasPrefix(k, "Usher-") && !strings.HasPrefix(k, "Nats-"):
			l.Header[k] = v
		}
	}
	return l, nil
}

// each calls f with the dead letters that are there now, the oldest first.
func (f letterFilter) each(ctx context.Context, js jetstream.JetStream, do func(letter) error) error {
	s, err := js.Stream(ctx, event.StreamDeadLetters)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	token := func(v string) string {
		if v == "" {
			return "*"
		}
		return v
	}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{event.DeadLetterSubject(token(f.Stream), token(f.Reason))}}
	if f.Since > 0 {
		at := time.Now().Add(-f.Since)
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &at
	}
	cons, err := s.OrderedConsumer(ctx, cfg)
	if err != nil {
		return err
	}
	for {
		batch, err := cons.Fetch(100, jetstream.FetchMaxWait(300*time.Millisecond))
		if err != nil {
			return err
		}
		n := 0
		for m := range batch.Messages() {
			n++
			l, err := readLetter(m)
			if err != nil {
				return err
			}
			if l.Seq > state.LastSeq { // came since
				return nil
			}
			if err := do(l); err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return err
		}
		if n == 0 {
			return nil
		}
	}
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
	err = c.each(s.ctx, cl.JetStream, func(l letter) error {
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
	found := false
	err = letterFilter{}.each(s.ctx, cl.JetStream, func(l letter) error {
		if l.Seq != c.Seq {
			return nil
		}
		found = true
		fmt.Fprintf(s.stdout, "cause    %s (%s)\nfrom     %s %d, %s\nkept     %s\n", l.Cause, l.Reason, l.Stream, l.Origin, l.To, l.Kept.Local().Format(time.DateTime))
		for k, v := range l.Header {
			fmt.Fprintf(s.stdout, "header   %s: %q\n", k, v)
		}
		_, err := fmt.Fprintf(s.stdout, "\n%s\n", l.Data)
		return err
	})
	if err == nil && !found {
		return fmt.Errorf("there is no dead letter %d", c.Seq)
	}
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

// move does act to each chosen dead letter and takes it out of the stream
// afterwards. A kill in between repeats act at the next call.
func (c letterChoice) move(s *session, verb, past string, act func(context.Context, *app.Client, letter) error) error {
	if len(c.Seqs) == 0 && c.Stream == "" && c.Reason == "" && c.Since == 0 && !c.All {
		return usageError("say which ones: numbers, --stream, --reason, --since, or --all")
	}
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	stream, err := cl.JetStream.Stream(s.ctx, event.StreamDeadLetters)
	if err != nil {
		return err
	}
	n := 0
	err = c.each(s.ctx, cl.JetStream, func(l letter) error {
		if len(c.Seqs) > 0 && !slices.Contains(c.Seqs, l.Seq) {
			return nil
		}
		n++
		if c.DryRun {
			_, err := fmt.Fprintf(s.stdout, "would %s %d, for %s\n", verb, l.Seq, l.To)
			return err
		}
		err := act(s.ctx, cl, l)
		if err == nil {
			err = stream.DeleteMsg(s.ctx, l.Seq)
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) { // somebody else took it out
			return fmt.Errorf("dead letter %d: %w", l.Seq, err)
		}
		_, err = fmt.Fprintf(s.stdout, "%s %d, for %s\n", past, l.Seq, l.To)
		return err
	})
	if err != nil {
		return err
	}
	if c.DryRun {
		past = "would be " + past
	}
	_, err = fmt.Fprintf(s.stdout, "%d dead letters %s\n", n, past)
	return err
}

type lettersReplay struct {
	letterChoice `embed:""`
}

// Run executes `usher deadletters replay`: each goes to its original subject
// under its original identity, so that an event that took effect after all has
// no second one. What cannot be used again becomes a new dead letter.
func (c lettersReplay) Run(s *session) error {
	return c.move(s, "send", "sent again", replay)
}

type lettersDrop struct {
	letterChoice `embed:""`
}

// Run executes `usher deadletters drop`.
func (c lettersDrop) Run(s *session) error {
	return c.move(s, "drop", "dropped", func(context.Context, *app.Client, letter) error { return nil })
}

// replay publishes a dead letter's original. JetStream's own duplicate window
// must not swallow it, so its message id is new; the event's identity moves into
// ce-id, where the bridge looks first. Headers that steer JetStream stay out.
func replay(ctx context.Context, cl *app.Client, l letter) error {
	m := nats.NewMsg(l.To)
	m.Data = l.Data
	id := ""
	for k, v := range l.Header {
		switch lower := strings.ToLower(k); {
		case lower == "nats-msg-id":
			if len(v) > 0 && id == "" {
				id = v[0]
			}
		case lower == "ce-id":
			if len(v) > 0 {
				id = v[0]
			}
		case strings.HasPrefix(lower, "nats-"), lower == "status", lower == "description":
		default:
			m.Header[k] = v
		}
	}
	if id == "" {
		// Its identity was its place in the stream; the same one for each replay.
		id = fmt.Sprintf("replay-%s-%d", l.Stream, l.Origin)
	}
	m.Header.Set("ce-id", id)
	m.Header.Set(event.HeaderMsgID, fmt.Sprintf("replay-%d-%s", l.Seq, event.NewID()))
	_, err := cl.JetStream.PublishMsg(ctx, m)
	return err
}
