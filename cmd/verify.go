package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/event"
	"usher/streams"
)

// where says which usher a command talks to.
type where struct {
	Data           string `help:"Data folder of a running usher up." default:"./usher-data" placeholder:"DIR"`
	app.NATSAccess `embed:""`
}

func (w where) dial(ctx context.Context) (*app.Client, error) {
	return app.Dial(ctx, w.Data, w.NATSAccess)
}

type verifyCmd struct {
	where   `embed:""`
	Users   []string      `arg:"" optional:"" help:"User ids, or e-mail addresses of users whose record had no id." name:"user"`
	Approve bool          `help:"Let them in." xor:"verdict"`
	Reject  bool          `help:"Turn them away; needs --reason." xor:"verdict"`
	Reason  string        `help:"The reason, kept with the event." placeholder:"TEXT"`
	Wait    time.Duration `help:"How long to wait for the answer." default:"5s"`

	Import string `help:"Instead of users: all of this import who are not decided yet, through a console." placeholder:"ID"`
	Query  string `help:"Instead of users: all not decided yet whom the console's search finds." placeholder:"TEXT"`
	DryRun bool   `help:"With --import or --query: only say how many they are."`

	consoleAccess `embed:""`
}

// Run executes `usher verify`.
func (v verifyCmd) Run(s *session) error {
	matching := v.Import != "" || v.Query != ""
	switch {
	case matching && len(v.Users) > 0:
		return usageError("name users, or say --import or --query, not both")
	case !matching && len(v.Users) == 0:
		return usageError("name at least one user, or say --import or --query")
	case v.DryRun && !matching:
		return usageError("--dry-run is for --import and --query")
	case !v.Approve && !v.Reject:
		return usageError("say --approve or --reject")
	case v.Reject && strings.TrimSpace(v.Reason) == "":
		return usageError("--reject needs --reason")
	}
	verb := event.VerbApproved
	if v.Reject {
		verb = event.VerbRejected
	}
	if matching {
		return v.many(s, verb)
	}
	return v.decide(s, v.Users, verb, event.VerificationBody{Reason: v.Reason}, v.Wait)
}

// decide publishes one verification event a user and prints what became of each.
func (w where) decide(s *session, users []string, verb string, body event.VerificationBody, wait time.Duration) error {
	bodies := make([]event.VerificationBody, len(users))
	for i, u := range users {
		bodies[i] = body
		bodies[i].UserID, bodies[i].Actor = u, actor()
		if strings.Contains(u, "@") {
			bodies[i].UserID, bodies[i].Email = "", u
		} else if err := event.CheckUserID(u); err != nil {
			return usageError(fmt.Sprintf("%s: %v", u, err))
		}
	}
	c, err := w.dial(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	answers, stop, err := newAnswers(ctx, c.JetStream)
	if err != nil {
		return err
	}
	defer stop()
	ids := make([]string, len(users))
	for i := range users {
		ids[i] = event.NewID()
		if err := publish(s.ctx, c, verb, ids[i], bodies[i], wait); err != nil {
			err = fmt.Errorf("%s: %w", users[i], err)
			if verb == event.VerbResend { // a second order is a second message
				return app.Explain("the order may have been stored", "do not repeat it before `usher status "+ids[i]+"` says that it is not", err)
			}
			return app.Explain("the event may have been stored", app.SafeAgain, err)
		}
	}
	limit, end := context.WithTimeout(ctx, wait)
	defer end()
	for i, u := range users {
		f, err := answers.wait(limit, ids[i])
		if err != nil {
			fmt.Fprintf(s.stdout, "%s: stored, not answered yet; see `usher status %s`\n", u, ids[i])
			continue
		}
		fmt.Fprintf(s.stdout, "%s: %s\n", u, verdictOf(f))
	}
	return nil
}

// publish stores a verification event, and while NATS does not answer it tries again
// for as long as the command waits: under the same id, it is the same event.
func publish(ctx context.Context, c *app.Client, verb, id string, body event.VerificationBody, wait time.Duration) error {
	for end := time.Now().Add(wait); ; {
		err := c.Publisher.Verification(ctx, event.SourceCLI, verb, id, body)
		var away *app.Away
		if err == nil || time.Now().After(end) || !errors.As(app.Explain("", "", err), &away) {
			return err
		}
		if !event.Sleep(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

// verdictOf is a fact that answers a decision, as a sentence.
func verdictOf(f event.Fact) string {
	switch {
	case f.Effect == event.EffectApplied:
		return f.Kind
	case f.Effect == event.EffectHalf:
		return "one of two decisions; another person has to say the same"
	case f.Effect == event.EffectRefused:
		return "does not count: " + event.ExplainWhy(f.Why)
	case f.Kind == event.FactParked:
		return "no such user yet; the decision waits for them"
	case f.Effect == event.EffectUnchanged && f.Status.Final():
		return "nothing to do: " + string(f.Status)
	case f.Effect == event.EffectUnchanged:
		return "nothing to do: the onboarding is not over, it is " + string(f.Status)
	case f.Verdict != "" && f.DecidedAt != nil:
		return fmt.Sprintf("already %s by %s at %s", f.Verdict, f.DecidedBy, f.DecidedAt.Local().Format(time.DateTime))
	}
	return "too late: " + string(f.Status)
}

// actor is the person at the terminal, as the machine knows them.
func actor() string {
	u, err := user.Current()
	if err != nil || event.CheckUserID(u.Username) != nil {
		return ""
	}
	return u.Username
}

// answers collects the facts that answer events, from now on.
type answers struct {
	got  <-chan event.Fact
	seen map[string]event.Fact // by event id; owned by wait
}

func newAnswers(ctx context.Context, js jetstream.JetStream) (a *answers, stop func(), err error) {
	got, stop, err := followFacts(ctx, js)
	return &answers{got, map[string]event.Fact{}}, stop, err
}

// wait returns the fact that says what became of an event.
func (a *answers) wait(ctx context.Context, eventID string) (event.Fact, error) {
	for {
		if f, ok := a.seen[eventID]; ok {
			return f, nil
		}
		select {
		case f := <-a.got:
			if f.EventSource == event.SourceCLI {
				a.seen[f.EventID] = f
			}
		case <-ctx.Done():
			return event.Fact{}, ctx.Err()
		}
	}
}

// followFacts yields the facts that are published from now on, until ctx ends. stop
// waits for the end and leaves nothing on the server.
func followFacts(ctx context.Context, js jetstream.JetStream) (facts <-chan event.Fact, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	c, err := js.OrderedConsumer(ctx, event.StreamOnboarding, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		cancel()
		return nil, nil, err
	}
	got := make(chan event.Fact, 1024)
	cc, err := c.Consume(func(m jetstream.Msg) {
		var f event.Fact
		if json.Unmarshal(m.Data(), &f) != nil {
			return
		}
		select {
		case got <- f:
		case <-ctx.Done():
		}
	})
	stop = func() {
		cancel()
		if cc != nil {
			cc.Stop()
			<-cc.Closed()
		}
		streams.Leave(ctx, js, event.StreamOnboarding, c)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return got, stop, nil
}
