package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/logins"
	"usher/event"
	"usher/streams"
)

// NATSTarget is how NATS is reached.
type NATSTarget struct {
	Servers []string // HOST:PORT, each as it is named
	// Connect joins one of them, or with "" any, and does not try again.
	Connect func(ctx context.Context, server string, more ...nats.Option) (*nats.Conn, error)
	Role    string
	Guarded bool   // by credentials
	Monitor string // base URL of a server's monitoring, "" when it was not said
	Want    int64  // bytes that the streams of a new system reserve
	Synced  bool   // the server is usher's own, which syncs always

	Needs map[string]int // people who have to be able to decide, by inbox in which two do
}

// consumers are the durable ones, by stream.
var consumers = map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications}

func (t *NATSTarget) looks() []look {
	out := []look{{"NATS", t.servers}, {"JetStream", t.jetStream}, {"pauses", t.pauses}, {"the account's rights", t.rights}}
	if len(t.Needs) > 0 {
		out = append(out, look{"accounts", t.deciders})
	}
	if t.Monitor != "" {
		out = append(out, look{"NATS's monitoring", t.monitoring})
	}
	return out
}

// servers joins each server that is named.
func (t *NATSTarget) servers(ctx context.Context) (func(*Facts), error) {
	out := make([]Server, len(t.Servers))
	var wg sync.WaitGroup
	for i, addr := range t.Servers {
		wg.Go(func() { out[i] = t.server(ctx, addr) })
	}
	wg.Wait()
	return func(f *Facts) {
		f.NATS.Servers, f.NATS.Role, f.NATS.Guarded, f.NATS.Want = out, t.Role, t.Guarded, t.Want
		if t.Synced {
			f.NATS.Sync = "always"
		}
	}, nil
}

func (t *NATSTarget) server(ctx context.Context, addr string) Server {
	s := Server{Addr: addr, Local: event.Loopback(hostOf(addr))}
	nc, err := t.Connect(ctx, addr)
	if err != nil {
		s.Problem, s.Refused = plain(err), errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired)
		return s
	}
	defer nc.Close()
	s.Name, s.Version, s.Cluster = nc.ConnectedServerName(), nc.ConnectedServerVersion(), nc.ConnectedClusterName()
	if state, err := nc.TLSConnectionState(); err == nil {
		s.TLS, s.CertEnds = true, firstEnd(state.PeerCertificates)
	}
	return s
}

// asker asks a server and hears at once when it refuses the subject, which a server
// says beside the answers.
type asker struct {
	nc *nats.Conn

	mu      sync.Mutex
	refused map[string]chan struct{} // by subject; closed
}

var refusal = regexp.MustCompile(`(?i)permissions violation for publish to "([^"]+)"`)

func (t *NATSTarget) ask(ctx context.Context) (*asker, error) {
	a := &asker{refused: map[string]chan struct{}{}}
	nc, err := t.Connect(ctx, "", nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if m := refusal.FindStringSubmatch(err.Error()); m != nil {
			a.refuse(m[1])
		}
	}))
	if err != nil {
		return nil, errors.New("NATS cannot be joined")
	}
	a.nc = nc
	return a, nil
}

func (a *asker) gate(subject string) chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	subject = strings.ToLower(subject) // the client may have changed what the server says
	if a.refused[subject] == nil {
		a.refused[subject] = make(chan struct{})
	}
	return a.refused[subject]
}

func (a *asker) refuse(subject string) {
	g := a.gate(subject)
	select {
	case <-g:
	default:
		close(g)
	}
}

var (
	errDenied = errors.New("this account of NATS may not ask for it")
	errAbsent = errors.New("it is not there")
)

// unlessRefused runs do, which asks at the subject, until the server refuses that.
func (a *asker) unlessRefused(ctx context.Context, subject string, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gate := a.gate(subject)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-gate:
			cancel(errDenied)
		case <-done:
		}
	}()
	err := do(ctx)
	if errors.Is(context.Cause(ctx), errDenied) {
		err = errDenied
	}
	return err
}

// request returns what a server answers to a message.
func (a *asker) request(ctx context.Context, m *nats.Msg) (r *nats.Msg, err error) {
	err = a.unlessRefused(ctx, m.Subject, func(ctx context.Context) (err error) {
		r, err = a.nc.RequestMsgWithContext(ctx, m)
		return err
	})
	return r, err
}

// pauses reads what operators said about the stages.
func (t *NATSTarget) pauses(ctx context.Context) (func(*Facts), error) {
	a, err := t.ask(ctx)
	if err != nil {
		return nil, err
	}
	defer a.nc.Close()
	js, err := jetstream.New(a.nc)
	if err != nil {
		return nil, err
	}
	var said map[event.Stage]event.Pause
	err = a.unlessRefused(ctx, "$JS.API.STREAM.MSG.GET.KV_"+event.BucketControl, func(ctx context.Context) (err error) {
		said, err = streams.ReadPauses(ctx, js)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(f *Facts) {
		f.NATS.Paused = map[event.Stage]string{}
		for _, p := range event.PausedStages(said, time.Now()) {
			f.NATS.Paused[p.Stage] = p.String()
		}
	}, nil
}

// deciders counts the accounts of the console that could decide where two people do.
func (t *NATSTarget) deciders(ctx context.Context) (func(*Facts), error) {
	a, err := t.ask(ctx)
	if err != nil {
		return nil, err
	}
	defer a.nc.Close()
	last, err := json.Marshal(map[string]string{"last_by_subj": "$KV." + event.BucketConsole + "." + logins.Key})
	if err != nil {
		return nil, err
	}
	r, err := a.request(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET.KV_" + event.BucketConsole, Data: last})
	if err != nil {
		return nil, fmt.Errorf("the accounts of the console: %w", err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(r.Data, &answer); err != nil {
		return nil, fmt.Errorf("the accounts of the console: %w", err)
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("the accounts of the console are not there; the first start makes them: %w", answer.Error)
	}
	all, err := logins.Parse(answer.Message.Data)
	if err != nil {
		return nil, fmt.Errorf("the accounts of the console: %w", err)
	}
	counts := map[string]int{}
	for inbox := range t.Needs {
		counts[inbox] = all.Deciders(inbox)
	}
	return func(f *Facts) { f.NATS.Deciders, f.NATS.Needs = counts, t.Needs }, nil
}

// api asks JetStream's API; what it answers is decoded into answer.
func (a *asker) api(ctx context.Context, subject string, answer any) error {
	r, err := a.request(ctx, &nats.Msg{Subject: "$JS.API." + subject})
	if err != nil {
		return err
	}
	var failed struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := errors.Join(json.Unmarshal(r.Data, &failed), json.Unmarshal(r.Data, answer)); err != nil {
		return fmt.Errorf("its answer cannot be read: %w", err)
	}
	switch e := failed.Error; {
	case e == nil:
		return nil
	case e.ErrorCode == jetstream.JSErrCodeStreamNotFound, e.ErrorCode == jetstream.JSErrCodeConsumerNotFound:
		return errAbsent
	default:
		return e
	}
}

// jetStream looks at the account, the streams and the consumers of the bridge.
func (t *NATSTarget) jetStream(ctx context.Context) (func(*Facts), error) {
	a, err := t.ask(ctx)
	if err != nil {
		return nil, err
	}
	defer a.nc.Close()
	n := NATS{Streams: map[string]*jetstream.StreamInfo{}, Consumers: map[string]*jetstream.ConsumerInfo{}}
	var account jetstream.AccountInfo
	switch err := a.api(ctx, "INFO", &account); {
	case errors.Is(err, errDenied):
		n.APILevel = -1
	case err != nil:
		n.JetStream = plain(err)
	default:
		n.APILevel, n.Used, n.Limit = account.API.Level, int64(account.Store), account.Limits.MaxStore
		for _, tier := range account.Tiers {
			n.Used, n.Limit = n.Used+int64(tier.Store), max(n.Limit, tier.Limits.MaxStore)
		}
	}
	for _, c := range streams.Table(streams.Options{}) {
		if n.JetStream != "" {
			break
		}
		began := time.Now()
		var i jetstream.StreamInfo
		switch err := a.api(ctx, "STREAM.INFO."+c.Name, &i); {
		case errors.Is(err, errAbsent):
			n.Missing = append(n.Missing, c.Name)
		case errors.Is(err, errDenied):
			n.Denied = append(n.Denied, c.Name)
		case err != nil:
			n.JetStream = fmt.Sprintf("stream %s: %s", c.Name, plain(err))
		default:
			n.Clock = n.Clock.sharper(began, time.Now(), i.TimeStamp)
			n.Streams[c.Name] = &i
		}
		consumer := consumers[c.Name]
		if consumer == "" || n.Streams[c.Name] == nil {
			continue
		}
		var ci jetstream.ConsumerInfo
		switch err := a.api(ctx, "CONSUMER.INFO."+c.Name+"."+consumer, &ci); {
		case errors.Is(err, errAbsent):
			n.Unmade = append(n.Unmade, consumer)
		case errors.Is(err, errDenied):
			n.Denied = append(n.Denied, consumer)
		case err != nil:
			n.JetStream = fmt.Sprintf("consumer %s: %s", consumer, plain(err))
		default:
			n.Consumers[consumer] = &ci
		}
	}
	return func(f *Facts) {
		f.NATS.JetStream, f.NATS.APILevel, f.NATS.Used, f.NATS.Limit = n.JetStream, n.APILevel, n.Used, n.Limit
		f.NATS.Clock, f.NATS.Streams, f.NATS.Missing, f.NATS.Denied = n.Clock, n.Streams, n.Missing, n.Denied
		f.NATS.Consumers, f.NATS.Unmade = n.Consumers, n.Unmade
	}, nil
}

// sharper takes what a server said of its time between two moments of ours, when that
// is more exact than what is known.
func (c Clock) sharper(asked, answered, said time.Time) Clock {
	if said.IsZero() {
		return c
	}
	within := answered.Sub(asked)
	if c.Seen && c.Within <= within {
		return c
	}
	return Clock{true, said.Sub(answered.Round(0)), within}
}

// monitoring reads how often the server syncs its disk, which no client can ask for.
func (t *NATSTarget) monitoring(ctx context.Context) (func(*Facts), error) {
	body, err := get(ctx, strings.TrimSuffix(t.Monitor, "/")+"/jsz")
	var said struct {
		Config struct {
			Always   bool          `json:"sync_always"`
			Interval time.Duration `json:"sync_interval"`
		} `json:"config"`
	}
	if err == nil {
		err = json.Unmarshal(body, &said)
	}
	return func(f *Facts) {
		switch {
		case err != nil:
			f.NATS.SyncProblem = plain(err)
		case said.Config.Always:
			f.NATS.Sync = "always"
		default:
			f.NATS.Sync = cmp.Or(said.Config.Interval, 2*time.Minute).String()
		}
	}, nil
}

// get reads a small page.
func get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable {
		err = fmt.Errorf("it answers %s", answer.Status)
	}
	return bytes.TrimSpace(body), err
}

// names of a map, in order, for sentences.
func names[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
