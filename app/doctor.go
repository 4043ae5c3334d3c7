package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"

	"usher/console"
	"usher/console/signon"
	"usher/doctor"
	"usher/event"
)

// Doctor examines what a system with these settings depends on.
type Doctor struct {
	Config
	Version        string
	Pre            bool
	Probe          bool
	Role           []string // those that run; none are all
	Monitor        string   // of a NATS server
	Workers        int
	ProviderLimits map[string]string // of providers, as 10/s
	Limit          time.Duration     // of one look; 0 is doctor.Limit
}

// allRoles are the names of the roles.
var allRoles = []string{"watch", "bridge", "worker", "console"}

// Examine takes all looks. hide is what no text about the system must have.
func (d Doctor) Examine(ctx context.Context) (facts doctor.Facts, hide []string, err error) {
	if len(d.Role) == 0 {
		d.Role = allRoles
	}
	for _, r := range d.Role {
		if !slices.Contains(allRoles, r) {
			return facts, nil, fmt.Errorf("--role %s: there are the roles %s", r, strings.Join(allRoles, ", "))
		}
	}
	d.Roles = Roles{Watch: slices.Contains(d.Role, "watch"), Bridge: slices.Contains(d.Role, "bridge"), Worker: slices.Contains(d.Role, "worker"), Console: slices.Contains(d.Role, "console")}
	running, err := FindRunning(d.Data)
	unread := ""
	if err != nil && !errors.Is(err, ErrNotRunning) && !errors.Is(err, syscall.ENOTDIR) { // what is no folder is told as that
		unread = addressFile + " cannot be read: " + withoutPath(err)
	}
	url := cmp.Or(d.NATSURL, map[bool]string{true: "nats://" + running.NATS}[running.NATS != ""], os.Getenv("NATS_URL"))
	up := d.NATSURL == "" && running.NATS != ""
	own := url == "" // `usher up` brings its servers
	s := doctor.System{
		Version: d.Version, Up: up, Pre: d.Pre, Probe: d.Probe, Roles: d.Role, Limit: d.Limit, Settings: doctor.Settings{Problems: problems(d.Validate()), Site: d.site()},
		Keys: d.doctorKeys(own), Workers: d.Workers, Catcher: up || own, Machine: d.machine(running, up, own), Hide: d.hidden(),
	}
	if unread != "" {
		s.Settings.Problems = append(s.Settings.Problems, unread)
	}
	if !own || !d.Pre {
		s.NATS = d.natsTarget(url, up)
	}
	if !own || d.TemporalAddress != "" {
		if s.Temporal, err = d.temporalTarget(cmp.Or(d.TemporalAddress, running.Temporal), up); err != nil {
			s.Settings.Problems = append(s.Settings.Problems, err.Error())
		}
	}
	if d.Roles.Console {
		s.Issuer = d.issuerTarget()
	}
	if d.Roles.Worker {
		if s.Providers, err = d.providerTargets(running); err != nil && (!own || d.SMTPAddr+d.SMSURL+d.Providers != "") { // the catcher will take it
			for _, p := range problems(err) {
				s.Providers = append(s.Providers, doctor.ProviderTarget{Provider: doctor.Provider{Failed: doctor.StepSettings, Problem: p}})
			}
		}
	}
	if d.Roles.Watch {
		for _, in := range d.inboxes() {
			s.Inboxes = append(s.Inboxes, doctor.InboxTarget{Source: in.Source, Dir: in.Dir, Made: d.Inbox[in.Source] == "" && !up})
		}
	}
	facts, err = doctor.Examine(ctx, s)
	return facts, s.Hide, err
}

// site is what the settings say about the way to the console.
func (d Doctor) site() doctor.Site {
	u, err := console.ParseURL(d.ConsoleURL)
	if err != nil { // there is none, or that is told already
		return doctor.Site{}
	}
	return doctor.Site{HTTPS: u.Scheme == "https", Plain: u.Scheme == "http" && !event.Loopback(u.Hostname()), Proxies: len(d.TrustedProxies)}
}

// issuerTarget is the issuer of the settings; nil for none.
func (d Doctor) issuerTarget() *doctor.IssuerTarget {
	if _, err := signon.ParseURL(d.OIDCIssuer); err != nil { // there is none, or that is told already
		return nil
	}
	i, err := d.issuer()
	if err != nil {
		return &doctor.IssuerTarget{Host: "--oidc-issuer", Look: func(context.Context) error { return errors.New(withoutPath(err)) }}
	}
	return &doctor.IssuerTarget{Host: i.Host(), Look: i.Look}
}

// problems are the lines of a joined error.
func problems(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// doctorKeys reads the keys and makes none.
func (d Doctor) doctorKeys(own bool) (k doctor.Keys) {
	if key, err := d.FindIDKey(); err == nil {
		k.ID = key.Fingerprint()
	} else if _, none := os.Stat(d.path("id.key")); !own || none == nil || d.IDKey+d.IDKeyFile != "" {
		k.IDProblem = withoutPath(err)
	}
	if !d.Roles.Bridge && !d.Roles.Worker {
		return k
	}
	_, none := os.Stat(d.path("payload.key"))
	secrets, err := d.payloadKey(none == nil)
	if err == nil {
		var c *codec
		if c, err = newCodec(secrets); err == nil {
			for _, key := range c.keys {
				k.Payload = append(k.Payload, key.id)
			}
		}
	}
	if err != nil && (!own || none == nil || d.PayloadKey+d.PayloadKeyFile != "") {
		k.PayloadProblem = withoutPath(err)
	}
	return k
}

// withoutPath is an error without the file that it is about.
func withoutPath(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return strings.ReplaceAll(err.Error(), path.Path, "[file]")
	}
	return err.Error()
}

// natsTarget is how the doctor reaches NATS at url, which may name several servers.
func (d Doctor) natsTarget(servers string, up bool) *doctor.NATSTarget {
	rules, _ := d.fourEyes() // what is wrong with them is among the problems of the settings
	t := &doctor.NATSTarget{
		Needs: map[string]int{},
		Role:  "cli", Guarded: d.NATSUser+d.NATSCreds != "", Monitor: d.Monitor, Synced: up, Want: int64(cmp.Or(d.MaxStore, 20<<30)) / 20 * 19,
	}
	for inbox, rule := range rules {
		t.Needs[inbox] = rule.People()
	}
	switch {
	case slices.Contains(doctor.Roles(), d.NATSUser):
		t.Role = d.NATSUser
	case len(d.Role) == 1:
		t.Role = d.Role[0]
	}
	if servers == "" {
		_, none := FindRunning(d.Data)
		t.Servers = []string{"usher up"}
		t.Connect = func(context.Context, string, ...nats.Option) (*nats.Conn, error) {
			return nil, errors.New(strings.ReplaceAll(none.Error(), " on "+d.Data, " on this data folder"))
		}
		return t
	}
	urls := map[string]string{"": servers}
	for s := range strings.SplitSeq(servers, ",") {
		s = strings.TrimSpace(s)
		u, err := url.Parse(s)
		if err != nil || u.Host == "" { // the same sentence as a role has comes from Connect
			u = &url.URL{Host: "the first server"}
		}
		urls[u.Host] = s
		t.Servers = append(t.Servers, u.Host)
	}
	t.Connect = func(ctx context.Context, server string, more ...nats.Option) (*nats.Conn, error) {
		options, err := d.NATSAccess.options(urls[server])
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Name("usher doctor"), nats.CustomInboxPrefix("_INBOX_"+t.Role), nats.NoReconnect(), nats.IgnoreDiscoveredServers(),
			nats.Timeout(doctor.Limit-doctor.Limit/10), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		var away error // which the client keeps to itself
		options = append(options, nats.SetCustomDialer(natsDialer(func(_ context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			away = err
			return c, err
		})))
		nc, err := nats.Connect(urls[server], append(options, more...)...)
		if errors.Is(err, nats.ErrNoServers) && away != nil {
			err = away
		}
		return nc, err
	}
	return t
}

// temporalTarget is how the doctor reaches Temporal.
func (d Doctor) temporalTarget(address string, up bool) (*doctor.TemporalTarget, error) {
	options, err := temporalOptions(address, d.TemporalNamespace, !up)
	if err == nil {
		err = checkTemporal(options, d.TemporalInsecure)
	}
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	conf := options.ConnectionOptions.TLS
	if conf == nil && options.Credentials != nil && !options.ConnectionOptions.TLSDisabled {
		conf = &tls.Config{MinVersion: tls.VersionTLS12} // as the SDK does
	}
	return &doctor.TemporalTarget{
		Address: options.HostPort, Namespace: options.Namespace, TLS: conf,
		Dial: func(ctx context.Context) (doctor.Frontend, error) {
			if err != nil { // it is not to be reached like this
				return doctor.Frontend{}, err
			}
			options := options
			options.Identity, options.Logger = "usher doctor", log.NewStructuredLogger(slog.New(slog.DiscardHandler))
			c, err := client.NewLazyClient(options)
			if err != nil {
				return doctor.Frontend{}, err
			}
			return doctor.Frontend{WorkflowServiceClient: c.WorkflowService(), OperatorServiceClient: c.OperatorService(), Close: c.Close}, nil
		},
		KeyID: func(p *commonpb.Payload) string {
			if string(p.GetMetadata()[converter.MetadataEncoding]) != encodingEncrypted {
				return ""
			}
			return string(p.GetMetadata()[metadataKeyID])
		},
	}, err
}

// machine is where the doctor runs.
func (d Doctor) machine(running Addresses, up, own bool) *doctor.MachineTarget {
	m := &doctor.MachineTarget{
		Data: d.Data, PID: running.PID, Ops: cmp.Or(running.Ops, d.OpsAddr), MayBeAway: !up,
		Secrets: []string{d.path("id.key"), d.path("payload.key")}, Listeners: map[string]string{},
	}
	secretsOf(d.Config, func(_, file string) {
		if file != "" {
			m.Secrets = append(m.Secrets, file)
		}
	})
	if abs, err := filepath.Abs(d.Data); err == nil {
		m.Data = abs
	}
	if !d.Pre {
		return m
	}
	m.Listeners["--ops-addr"] = d.OpsAddr
	if d.Roles.Console {
		m.Listeners["--console-addr"] = d.ConsoleAddr
	}
	if own {
		m.Listeners["--nats-addr"] = d.NATSAddr
		m.Listeners["--catcher-smtp-addr"], m.Listeners["--catcher-http-addr"] = d.CatcherSMTPAddr, d.CatcherHTTPAddr
		if d.TemporalAddress == "" {
			m.Listeners["--temporal-addr"], m.Listeners["--temporal-ui-addr"] = d.TemporalAddr, d.TemporalUIAddr
		}
	}
	return m
}
