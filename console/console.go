package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/logins"
	"usher/console/signon"
	"usher/event"
	"usher/metrics"
	"usher/serve"
	"usher/tracing"
)

// Config joins a Console to its neighbours. A field is needed unless its comment
// says what it means that it is empty.
type Config struct {
	Listener  net.Listener
	JetStream jetstream.JetStream
	DB        string // file of the read model
	Ledger    Ledger // has what became of each message
	Trouble   Trouble

	// Password to sign in with; "" makes one at the first start, which is handed
	// to PrintPassword once; nil: it is not printed, as where Password is set.
	Password      string
	PrintPassword func(user, password string)

	NoBasicAuth     bool // the API takes tokens only
	NoLocalAccounts bool // no one signs in with a password

	// Issuer vouches for people, whose groups have the roles of Grants, for IssuedFor after
	// they signed in; nil: none does. No Grants: none of them comes in. IssuedFor of 0 is
	// twelve hours.
	Issuer    *signon.Issuer
	Grants    []logins.Grant
	IssuedFor time.Duration

	// TrustedHeader is how a proxy vouches for people, whose groups have the roles of
	// Grants; nil: none does. It and Issuer exclude each other.
	TrustedHeader *TrustedHeader

	// FourEyes are the inboxes in which two people decide; nil: none. Runs hold the rule;
	// the console keeps enough people who can.
	FourEyes map[string]*event.FourEyes

	URL     string         // under which people reach the console; "": whatever address a request names
	Proxies []netip.Prefix // whose X-Forwarded-For is believed; none: no one's

	// Payloads decrypts what workflows hold; nil: not here. It answers as a codec
	// server of Temporal does.
	Payloads       http.Handler
	PayloadOrigins []string // whose pages may ask; none: no other page than the console's

	Answer time.Duration // how long a decision waits for its fact; default 1 s

	Previews Previewer // nil: no page for messages

	// UndoWindow is for how long a decision on a page can be taken back; it takes effect
	// afterwards. 0: at once, as decisions by the API always do.
	UndoWindow time.Duration

	Intake Intake // nil: this console does not reach the watcher's folders

	RejectReasons []Reason // none: DefaultReasons
	TemporalUI    string   // address of the Web UI with the namespace; "": no links to it

	// Paused tells what every page says is paused; nil: nothing is.
	Paused func() []event.PausedStage

	Metrics *metrics.Console
	Tracer  tracing.Tracer // zero: nothing is traced
	Fault   event.Fault    // of tests; nil: none
	Log     *slog.Logger
}

// Ledger reads the record of a person.
type Ledger interface {
	Get(ctx context.Context, userID string) (p event.Person, ok bool, err error)
}

// Console is the console role.
type Console struct {
	Config
	guard                    event.Guard
	model                    *model
	feeds                    []*feed
	waiters                  *waiters
	login                    *login
	signins                  *signins
	auditor                  *auditor
	repeats                  repeats
	payloadsSeen, tokensSeen *lastSeen
	headersSeen              *lastSeen // people whom a proxy names, with the stamp of the login or why they are refused
	sessions                 *scs.SessionManager
	secured                  *scs.SessionManager // the same, of those who come by https; nil: the site has none
	origins                  *http.CrossOriginProtection
	site                     site
	proxies                  proxies
	strangers                strangers
	zones                    zones
	live                     *live
	document                 []byte // the API in OpenAPI
	bulks                    *bulks
	stopping                 <-chan struct{} // is closed when Run ends; the streams of pages end then

	trailForgotten time.Time // old entries; owned by measure

	heartbeat  time.Duration // of the streams of open pages
	readWithin time.Duration // a request, with its body
}

// New opens the login and the read model. It refuses a Config that lacks what
// the console needs.
func New(ctx context.Context, c Config) (*Console, error) {
	if err := event.Whole(c, "Password", "PrintPassword", "NoBasicAuth", "NoLocalAccounts", "Issuer", "Grants", "IssuedFor", "TrustedHeader", "FourEyes", "URL", "Proxies", "Payloads", "PayloadOrigins", "Answer", "Previews", "Intake", "UndoWindow", "RejectReasons", "TemporalUI", "Paused", "Tracer", "Fault"); err != nil {
		return nil, err
	}
	if c.Answer <= 0 {
		c.Answer = time.Second
	}
	if c.RejectReasons == nil {
		c.RejectReasons = DefaultReasons()
	}
	at, err := newSite(c.URL)
	if err != nil {
		return nil, err
	}
	kv, err := c.JetStream.KeyValue(ctx, event.BucketConsole)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", event.BucketConsole, err)
	}
	k := &Console{Config: c, site: at, proxies: c.Proxies, zones: newZones(), live: newLive(), payloadsSeen: newLastSeen(seenMinute), tokensSeen: newLastSeen(seenMinute), headersSeen: newLastSeen(seenDay), heartbeat: 15 * time.Second, readWithin: 30 * time.Second, login: newLogin(kv), signins: newSignins(kv), auditor: newAuditor(c.JetStream, c.Metrics, c.Log)}
	if !c.NoLocalAccounts {
		if err := k.login.store.Ensure(ctx, c.Password, c.PrintPassword); err != nil {
			return nil, fmt.Errorf("the console's password: %w", err)
		}
	}
	if c.Issuer != nil && k.site.url == nil {
		return nil, errors.New("an issuer sends people back to the console's address, which is not set")
	}
	if err := k.login.store.SetDoors(ctx, k.doors()); err != nil {
		return nil, fmt.Errorf("how people sign in: %w", err)
	}
	if err := k.needTwo(ctx); err != nil {
		return nil, err
	}
	if k.model, err = openModel(c.DB); err != nil {
		return nil, fmt.Errorf("the console's read model: %w", err)
	}
	k.model.knownReason = k.knownReason
	k.waiters = newWaiters(k.model.emptyLog, k.live.user)
	k.guard = c.Metrics.Guard("console", c.Log)
	k.bulks = newBulks(k)
	k.waiters.answered = k.bulks.poke
	k.feeds = newFeeds(c.JetStream, k.model, k.waiters, k.live, k.bulks, k.guard, c.Log)
	if k.document, err = document(k.site.base); err != nil {
		return nil, fmt.Errorf("the document of the API: %w", err)
	}
	k.openDoors(kv)
	return k, nil
}

// needTwo stores how many people have to be able to decide in each inbox, and says where
// too few are.
func (k *Console) needTwo(ctx context.Context) error {
	needs := map[string]int{}
	for inbox, rule := range k.FourEyes {
		needs[inbox] = rule.People()
	}
	if err := k.login.store.Need(ctx, needs); err != nil {
		return fmt.Errorf("the inboxes where two people decide: %w", err)
	}
	all, err := k.login.store.Read(ctx)
	if err != nil {
		return err
	}
	for _, s := range all.Short() {
		k.Log.Warn("too few people could decide; give another account the role verifier", "source", s.Inbox)
	}
	return nil
}

// doors are the ways in which people come in here.
func (k *Console) doors() logins.Doors {
	d := logins.Doors{NoLocal: k.NoLocalAccounts}
	switch {
	case k.Issuer != nil:
		d.Issuer = k.Issuer.URL
	case k.TrustedHeader != nil:
		d.Issuer = logins.ByHeader
	}
	return d
}

// Ready returns nil when the read model has caught up with every stream once.
func (k *Console) Ready() error {
	for _, f := range k.feeds {
		if f.stream != event.StreamAudit && !f.caughtUp.Load() { // a page of its own shows the trail
			return fmt.Errorf("the read model still reads %s", f.stream)
		}
	}
	return nil
}

// Run fills the read model and serves until ctx ends.
func (k *Console) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	k.stopping = inner.Done()
	done := make(chan error, len(k.feeds)+6)
	for _, f := range k.feeds {
		go func() { done <- f.run(inner) }()
	}
	go func() { done <- k.measure(inner) }()
	// What a request still does while the server stops is recorded, too.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	go func() { done <- k.keepAudit(recording) }()
	go func() { done <- k.tellPages(inner) }()
	go func() { done <- k.followSignins(inner) }()
	go func() { done <- k.runBulks(inner) }()
	go func() { done <- k.followIssuer(inner) }()

	s := serve.Web(k.handler())
	s.ReadTimeout = k.readWithin
	errs := []error{serve.Until(ctx, k.guard, k.Listener, s)}
	cancel()
	stopRecording()
	for range len(k.feeds) + 6 {
		errs = append(errs, <-done)
	}
	k.logRepeats(true)
	return errors.Join(append(errs, k.model.close())...)
}

// keepAudit keeps what could not be kept at once. After a panic the next record is taken.
func (k *Console) keepAudit(ctx context.Context) error {
	for {
		err := k.guard.Do("keeping an audit record", func() error { return k.auditor.run(ctx) })
		if event.Panicked(err) == nil {
			return err
		}
	}
}

// measure sets the gauges from the read model.
func (k *Console) measure(ctx context.Context) error {
	event.Every(ctx, 2*time.Second, k.guard.Func("measuring", func() {
		k.logRepeats(false)
		k.forgetLetters(ctx)
		k.measureBulks(ctx)
		k.forgetTrail(ctx)
		if f, err := k.model.figures(ctx); err == nil {
			k.setGauges(f)
		}
	}))
	return nil
}

// forgetTrail takes what AUDIT has let go out of the read model, now and then.
func (k *Console) forgetTrail(ctx context.Context) {
	if time.Since(k.trailForgotten) < time.Hour {
		return
	}
	if err := k.model.forgetTrail(ctx, time.Now()); err == nil {
		k.trailForgotten = time.Now()
	} else if ctx.Err() == nil && k.repeats.first("old entries of the trail stay in the read model", err) {
		k.Log.Warn("old entries of the trail stay in the read model", "error", err)
	}
}

func (k *Console) setGauges(f figures) {
	for _, s := range event.Statuses() {
		k.Metrics.People.WithLabelValues(string(s)).Set(float64(f.people[s]))
		if s.Final() {
			continue
		}
		age := 0.0
		if at := f.oldest[s]; !at.IsZero() {
			age = max(0, time.Since(at).Seconds())
		}
		k.Metrics.PeopleOldest.WithLabelValues(string(s)).Set(age)
	}
}
