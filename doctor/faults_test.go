package doctor_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	enumspb "go.temporal.io/api/enums/v1"

	"usher/console/signon/signontest"
	"usher/doctor"
	"usher/event"
	"usher/streams"
)

// fault is one that is made in a system in good order.
type fault struct {
	name  string
	code  string // of the check that must name it
	mark  doctor.Mark
	says  string // in one of its problems
	spoil func(c *clinic)
	also  []string // what else must fail with it
}

// edit changes a stream.
func (c *clinic) edit(name string, change func(*jetstream.StreamConfig)) {
	c.Helper()
	s, err := c.js.Stream(c.Context(), name)
	if err != nil {
		c.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	change(&cfg)
	if _, err := c.js.UpdateStream(c.Context(), cfg); err != nil {
		c.Fatal(err)
	}
}

// publish stores a message.
func (c *clinic) publish(subject string, data []byte) error {
	_, err := c.js.Publish(c.Context(), subject, data)
	return err
}

// role is NATS with one user of usher's, who has these permissions.
func (c *clinic) role(name, permissions string) {
	c.Helper()
	at := natsOf(c.T, fmt.Sprintf("authorization { users: [ {user: admin, password: %q}, {user: %s, password: %q, permissions: {%s}} ] }", "admin-password", name, "role-password", permissions))
	c.useNATS(strings.Replace(at, "nats://", "nats://admin:admin-password@", 1))
	c.NATSURL, c.NATSUser, c.NATSPassword = at, name, "role-password"
}

// signOn has people sign in by an issuer.
func (c *clinic) signOn(issuer string) {
	c.ConsoleURL, c.TrustedProxies = "https://usher.example.org/", []string{"127.0.0.1"}
	c.OIDCIssuer, c.GroupRole, c.OIDCSession = issuer, []string{"admin=admins"}, time.Hour
}

var settingsFaults = []fault{
	{"a setting that makes no sense", "DR0101", doctor.Failed, "--expire-after", func(c *clinic) { c.ExpireAfter = -1 }, nil},
	{"a short key for ids", "DR0102", doctor.Failed, "16 are needed", func(c *clinic) { c.IDKey = "short" }, nil},
	{"no file with the key", "DR0102", doctor.Failed, "no such file", func(c *clinic) { c.IDKey, c.IDKeyFile = "", filepath.Join(c.Data, "none") }, nil},
	{"another key than the streams were filled with", "DR0103", doctor.Failed, "fingerprint", func(c *clinic) { c.IDKey = "another key, which is long enough" }, nil},
	{"no key for payloads", "DR0104", doctor.Failed, "--payload-key", func(c *clinic) { c.PayloadKey = "" }, []string{"DR0105"}},
	{"an onboarding under a lost key", "DR0105", doctor.Failed, "0123456789ab", func(c *clinic) { c.temporal.runKey = "0123456789ab" }, nil},
}

var siteFaults = []fault{
	{"a console at no address", "DR0101", doctor.Failed, "begins with https://", func(c *clinic) { c.ConsoleURL = "usher.example.org" }, nil},
	{"a proxy by its name", "DR0101", doctor.Failed, "--trusted-proxies", func(c *clinic) { c.TrustedProxies = []string{"proxy.example.org"} }, nil},
	{"a proxy that is not trusted", "DR0106", doctor.Warning, "names no proxy", func(c *clinic) { c.ConsoleURL = "https://usher.example.org/" }, nil},
	{"an issuer at no address", "DR0101", doctor.Failed, "--oidc-issuer", func(c *clinic) { c.signOn("id.example.org") }, nil},
	{"an issuer that is away", "DR0107", doctor.Failed, "refused", func(c *clinic) { c.signOn("http://" + unusedAddr(c.T)) }, nil},
	{"an issuer of another name", "DR0107", doctor.Failed, "did not match", func(c *clinic) { c.signOn(signontest.Start(c.T).URL + "/") }, nil},
	{"no file with the issuer's secret", "DR0107", doctor.Failed, "no such file", func(c *clinic) {
		c.signOn(signontest.Start(c.T).URL)
		c.OIDCClientSecretFile = filepath.Join(c.Data, "none")
	}, nil},
	{"a console without https", "DR0106", doctor.Warning, "unencrypted", func(c *clinic) { c.ConsoleURL = "http://usher.example.org/" }, nil},
}

var natsFaults = []fault{
	{"no NATS", "DR0201", doctor.Failed, "refused", func(c *clinic) { c.NATSURL = "nats://" + unusedAddr(c.T) }, nil},
	{"no usher runs", "DR0201", doctor.Failed, "start `usher up`", func(c *clinic) { c.NATSURL = "" }, nil},
	{"one of two servers is away", "DR0201", doctor.Warning, "refused", func(c *clinic) { c.NATSURL += ",nats://" + unusedAddr(c.T) }, nil},
	{"plain text to another machine", "DR0201", doctor.Failed, "--nats-insecure", func(c *clinic) { c.NATSURL = "nats://192.0.2.1:4222" }, nil},
	{"a wrong password of NATS", "DR0202", doctor.Failed, "refuses the credentials", func(c *clinic) { c.role("worker", ""); c.NATSPassword = "wrong" }, nil},
	{"an old NATS", "DR0203", doctor.Failed, "2.9.10", func(c *clinic) { c.NATSURL = said(c.T, c.NATSURL, `"version":"2.15.2"`, `"version":"2.9.10"`) }, nil},
	{"a NATS that damages streams", "DR0203", doctor.Warning, "2.14.1", func(c *clinic) { c.NATSURL = said(c.T, c.NATSURL, `"version":"2.15.2"`, `"version":"2.14.1"`) }, nil},
	{"NATS without JetStream", "DR0204", doctor.Failed, "", func(c *clinic) { c.NATSURL = natsOf(c.T, "jetstream: false") }, nil},
	{"an account that is too small", "DR0205", doctor.Failed, "the account has 1 MB left", func(c *clinic) {
		c.Pre = true
		at := natsOf(c.T, `accounts { U { jetstream: {max_file: 1000000}, users: [{user: cli, password: pw}] } }`)
		c.NATSURL, c.NATSUser, c.NATSPassword = at, "cli", "pw"
	}, nil},
	{"another year at NATS", "DR0206", doctor.Failed, "behind ours", func(c *clinic) {
		year := time.Now().UTC().Format(`"ts":"2006-`)
		c.NATSURL = said(c.T, c.NATSURL, year, time.Now().UTC().AddDate(-1, 0, 0).Format(`"ts":"2006-`))
	}, nil},
	{"NATS in clear over the network", "DR0207", doctor.Warning, "in clear", func(c *clinic) {
		c.NATSURL, c.NATSInsecure = strings.Replace(c.NATSURL, "127.0.0.1", "0.0.0.0", 1), true
	}, nil},
	{"a certificate of NATS that ends", "DR0207", doctor.Warning, "ends on", func(c *clinic) {
		_, ca, key := certificate(c.T, time.Now().Add(5*24*time.Hour))
		at := natsOf(c.T, fmt.Sprintf("tls { cert_file: %q, key_file: %q }", ca, key))
		c.useNATS(at, nats.RootCAs(ca))
		c.NATSCA = ca
	}, nil},
	{"a disk that is synced every two minutes", "DR0208", doctor.Warning, "2m0s", func(c *clinic) {
		monitor := unusedAddr(c.T)
		c.useNATS(natsOf(c.T, "http: "+monitor))
		c.Monitor = "http://" + monitor
	}, nil},
	{"a bridge that may tell no facts", "DR0209", doctor.Failed, "onboarding.v1", func(c *clinic) { c.role("bridge", `publish: {deny: "onboarding.v1.>"}`) }, nil},
	{"a worker that may approve people", "DR0210", doctor.Warning, "worker may publish", func(c *clinic) { c.role("worker", "") }, nil},
}

var streamFaults = []fault{
	{"no setup", "DR0301", doctor.Failed, "USERS", func(c *clinic) { c.NATSURL = natsOf(c.T, "") }, nil},
	{"PEOPLE is gone", "DR0302", doctor.Failed, "KV_PEOPLE", func(c *clinic) {
		if err := c.js.DeleteStream(c.Context(), "KV_PEOPLE"); err != nil {
			c.Fatal(err)
		}
	}, []string{"DR0301"}},
	{"PEOPLE was made anew", "DR0302", doctor.Failed, "made anew", func(c *clinic) {
		err := c.js.DeleteStream(c.Context(), "KV_PEOPLE")
		for _, cfg := range streams.Table(streams.Options{MaxBytes: 32 << 20}) {
			if cfg.Name == "KV_PEOPLE" && err == nil {
				_, err = c.js.CreateStream(c.Context(), cfg)
			}
		}
		if err != nil {
			c.Fatal(err)
		}
	}, nil},
	{"a stream that drops the oldest", "DR0303", doctor.Failed, "discard", func(c *clinic) {
		c.edit(event.StreamUsers, func(s *jetstream.StreamConfig) { s.Discard = jetstream.DiscardOld })
	}, nil},
	{"another subject", "DR0303", doctor.Failed, "subjects", func(c *clinic) {
		c.edit(event.StreamAudit, func(s *jetstream.StreamConfig) { s.Subjects = []string{"audit.v2.>"} })
	}, nil},
	{"people who are forgotten after a day", "DR0304", doctor.Failed, "for ever", func(c *clinic) {
		c.edit(event.StreamUsers, func(s *jetstream.StreamConfig) { s.MaxAge = 24 * time.Hour })
	}, nil},
	{"a stream without a size", "DR0304", doctor.Warning, "has no size", func(c *clinic) {
		c.edit(event.StreamOnboarding, func(s *jetstream.StreamConfig) { s.MaxBytes = -1 })
	}, nil},
	{"a full stream", "DR0307", doctor.Failed, "AUDIT is full", func(c *clinic) {
		for c.publish("audit.v1.test", make([]byte, 20<<10)) == nil { // until it is
		}
	}, nil},
	{"no bridge", "DR0308", doctor.Failed, "bridge-users", func(c *clinic) {
		for stream, name := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
			_, err := c.js.CreateOrUpdateConsumer(c.Context(), stream, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy})
			if err == nil {
				err = c.js.DeleteConsumer(c.Context(), stream, name)
			}
			if err == nil {
				_, err = c.js.CreateConsumer(c.Context(), stream, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy})
			}
			if err != nil {
				c.Fatal(err)
			}
		}
	}, nil},
	{"a bridge that never ran", "DR0308", doctor.Failed, "no bridge has run", func(c *clinic) {
		if err := c.js.DeleteConsumer(c.Context(), event.StreamUsers, event.ConsumerUsers); err != nil {
			c.Fatal(err)
		}
	}, nil},
	{"a dead letter", "DR0309", doctor.Warning, "1 dead letter", func(c *clinic) {
		if err := c.publish(event.DeadLetterSubject("USERS", "malformed"), nil); err != nil {
			c.Fatal(err)
		}
	}, nil},
	{"a pause that was forgotten", "DR0310", doctor.Warning, "intake is paused by an operator since", func(c *clinic) {
		if err := streams.SayPause(c.Context(), c.js, event.StageIntake, event.Pause{Paused: true, Actor: "ann"}); err != nil {
			c.Fatal(err)
		}
	}, nil},
}

var temporalFaults = []fault{
	{"no Temporal", "DR0401", doctor.Failed, "refused", func(c *clinic) { c.TemporalAddress = unusedAddr(c.T) }, nil},
	{"a Temporal that refuses usher", "DR0402", doctor.Failed, "[address]", func(c *clinic) { c.temporal.refuses = true }, nil},
	{"an old Temporal", "DR0403", doctor.Warning, "1.24.0", func(c *clinic) { c.temporal.version = "1.24.0" }, nil},
	{"no namespace", "DR0404", doctor.Failed, "no namespace default", func(c *clinic) { c.temporal.namespace = "other" }, nil},
	{"a short retention", "DR0405", doctor.Warning, "24h", func(c *clinic) { c.temporal.retention = 24 * time.Hour }, nil},
	{"a search attribute is missing", "DR0406", doctor.Failed, "UsherSource is missing", func(c *clinic) { delete(c.temporal.attributes, event.AttributeSource) }, nil},
	{"a search attribute of another type", "DR0406", doctor.Failed, "of type Text", func(c *clinic) { c.temporal.attributes[event.AttributeImport] = enumspb.INDEXED_VALUE_TYPE_TEXT }, nil},
	{"Temporal's clock is ahead", "DR0407", doctor.Failed, "ahead of ours", func(c *clinic) { c.temporal.polled[""] = time.Now().Add(time.Hour) }, nil},
	{"Temporal's clock is behind", "DR0407", doctor.Failed, "behind ours", func(c *clinic) { c.temporal.polled[""] = time.Now().Add(-time.Hour) }, nil},
	{"Temporal in clear over the network", "DR0408", doctor.Warning, "in clear", func(c *clinic) {
		c.TemporalAddress, c.TemporalInsecure = strings.Replace(c.TemporalAddress, "127.0.0.1", "0.0.0.0", 1), true
	}, nil},
	{"no worker for onboardings", "DR0501", doctor.Failed, "workflow tasks", func(c *clinic) { c.temporal.polled[event.QueueOnboard] = time.Time{} }, nil},
	{"no worker for messages", "DR0502", doctor.Failed, "activity tasks", func(c *clinic) { c.temporal.polled[event.QueueNotify] = time.Time{} }, nil},
	{"no worker for reports", "DR0503", doctor.Failed, "workflow tasks", func(c *clinic) { c.temporal.polled[event.QueueReports] = time.Time{} }, nil},
	{"an usher that waits", "DR0504", doctor.Warning, "temporal: degraded", func(c *clinic) { c.says(http.StatusOK, "degraded\ntemporal: degraded: it does not answer") }, nil},
	{"an usher that has failed", "DR0504", doctor.Failed, "nats: failed", func(c *clinic) { c.says(http.StatusServiceUnavailable, "failed\nnats: failed: not connected") }, nil},
}

// says makes the ops address answer.
func (c *clinic) says(code int, body string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprintln(w, body)
	}))
	c.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		c.Fatal(err)
	}
	c.OpsAddr = u.Host
}

// service adds one of text messages.
func (c *clinic) service(url string) {
	c.useProviders(fmt.Sprintf("sms:\n- {name: texts, preset: webhook, base: %q, secret: %q}\n", url, "whsec_dGhlIHNlY3JldCBvZiB0aGUgc2VydmljZSBoZXJl"))
}

var providerFaults = []fault{
	{"no provider", "DR0601", doctor.Failed, "--smtp-addr", func(c *clinic) { c.Doctor.Providers = "" }, nil},
	{"a preset that is not known", "DR0601", doctor.Failed, "no preset", func(c *clinic) { c.useProviders("sms:\n- {name: texts, preset: pigeon}\n") }, nil},
	{"a name that is not known", "DR0602", doctor.Failed, "texts", func(c *clinic) { c.service("https://sms.invalid/") }, nil},
	{"a port that is closed", "DR0603", doctor.Failed, "refused", func(c *clinic) { c.mail.addr = unusedAddr(c.T); c.useProviders("") }, nil},
	{"a certificate that no one vouches for", "DR0604", doctor.Failed, "certificate", func(c *clinic) {
		c.mail.ca = newMailServer(c.T, time.Now().Add(time.Hour)).ca
		c.useProviders("")
	}, nil},
	{"a service without TLS", "DR0604", doctor.Failed, "texts", func(c *clinic) { c.service("https://" + c.temporal.addr + "/") }, nil},
	{"a mail server that hangs", "DR0604", doctor.Failed, "hangs", func(c *clinic) {
		l, err := net.Listen("tcp", "127.0.0.1:0") // connections wait, and no one greets them
		if err != nil {
			c.Fatal(err)
		}
		c.Cleanup(func() { _ = l.Close() })
		c.mail.addr, c.Doctor.Limit = l.Addr().String(), time.Second
		c.useProviders("")
	}, nil},
	{"a certificate of a provider that ends", "DR0605", doctor.Warning, "ends on", func(c *clinic) {
		c.mail = newMailServer(c.T, time.Now().Add(5*24*time.Hour))
		c.useProviders("")
	}, nil},
	{"a wrong password", "DR0606", doctor.Failed, "535", func(c *clinic) { c.mail.quote = "authentication failed for" }, nil},
	{"a sender that is refused", "DR0608", doctor.Failed, "553", func(c *clinic) { c.mail.refuses = "not owned by user" }, nil},
	{"workers that are too fast together", "DR0607", doctor.Failed, "3 workers at 10/s make 30/s", func(c *clinic) {
		c.Doctor.Workers, c.ProviderLimits = 3, map[string]string{"mail": "25/s"}
	}, nil},
}

var folderFaults = []fault{
	{"an inbox that is not mounted", "DR0701", doctor.Failed, "hr: the folder is not there", func(c *clinic) { c.Inbox = map[string]string{"hr": filepath.Join(c.Data, "gone")} }, nil},
	{"an inbox that is a file", "DR0701", doctor.Failed, "it is no folder", func(c *clinic) { c.Inbox = map[string]string{"hr": c.Doctor.Providers} }, nil},
	{"an inbox in which nothing can be made", "DR0702", doctor.Failed, "proc", func(c *clinic) { c.Inbox, c.Probe = map[string]string{"proc": "/proc/self/fdinfo"}, true }, nil},
	{"claims on another mount", "DR0703", doctor.Failed, "another mount", func(c *clinic) {
		if err := os.Symlink("/dev/shm", filepath.Join(c.Data, "inbox", ".usher")); err != nil {
			c.Fatal(err)
		}
	}, nil},
	{"too few people who could decide", "DR0706", doctor.Failed, "hr: 1 of the 2 accounts that it takes may decide there and can sign in", func(c *clinic) {
		c.accounts(`{"logins":[{"name":"admin","role":"admin","password":"$argon2id$"},{"name":"ann","role":"verifier"},{"name":"ben","role":"viewer","password":"$argon2id$"}]}`)
		c.FourEyes, c.Inbox = []string{"hr", "inbox"}, map[string]string{"hr": filepath.Join(c.Data, "inbox")}
		c.FourEyesSystems = map[string]string{"inbox": "crm"} // so that one is enough there
	}, nil},
	{"a data folder that is a file", "DR0801", doctor.Failed, "it is no folder", func(c *clinic) {
		at := filepath.Join(c.TempDir(), "file")
		if err := os.WriteFile(at, nil, 0o600); err != nil {
			c.Fatal(err)
		}
		c.Data, c.Role = at, []string{"bridge"}
	}, nil},
	{"a key that everybody may read", "DR0804", doctor.Warning, "id.key", func(c *clinic) {
		if err := os.WriteFile(filepath.Join(c.Data, "id.key"), []byte(clinicKey), 0o644); err != nil {
			c.Fatal(err)
		}
	}, nil},
	{"a port that is taken", "DR0805", doctor.Failed, "--ops-addr", func(c *clinic) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			c.Fatal(err)
		}
		c.Cleanup(func() { _ = l.Close() })
		c.OpsAddr, c.Pre = l.Addr().String(), true
	}, nil},
}

// Each fault is named by its code, and by no other.
func TestFaults(t *testing.T) {
	for _, f := range slices.Concat(settingsFaults, siteFaults, natsFaults, streamFaults, temporalFaults, providerFaults, folderFaults) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			f.spoil(c)
			r := c.report()
			x := result(r, f.code)
			if x.Mark != f.mark || !strings.Contains(strings.Join(x.Problems, "\n"), f.says) {
				t.Errorf("%s: %s %q %s, want %s and %q", f.code, x.Mark, x.Problems, x.Says, f.mark, f.says)
			}
			if x.Hint != "docs/doctor.md#"+strings.ToLower(f.code) {
				t.Errorf("the hint is %q", x.Hint)
			}
			want := slices.Clone(f.also)
			if f.mark == doctor.Failed {
				want = append(want, f.code)
			}
			slices.Sort(want)
			if got := r.Failing(); !slices.Equal(got, want) {
				t.Errorf("%s failed, want %s:\n%s", got, want, text(r))
			}
		})
	}
}

// Faults that no test can make of a machine are judged from what a look would see.
func TestFaultsOfMachines(t *testing.T) {
	for _, f := range []struct {
		code string
		mark doctor.Mark
		see  func(*doctor.Facts)
	}{
		{"DR0704", doctor.Warning, func(f *doctor.Facts) { f.Inboxes[0].Network = true }},
		{"DR0704", doctor.Warning, func(f *doctor.Facts) { f.Inboxes[0].Lease = "operation not permitted" }},
		{"DR0702", doctor.Failed, func(f *doctor.Facts) { f.Inboxes[0].NoWrite = true }},
		{"DR0705", doctor.Warning, func(f *doctor.Facts) { f.Inboxes[0].Waiting, f.Inboxes[0].Oldest = 3, "11m0s" }},
		{"DR0802", doctor.Failed, func(f *doctor.Facts) { f.Machine.Free = 100 << 20 }},
		{"DR0802", doctor.Warning, func(f *doctor.Facts) { f.Machine.Free = 900 << 20 }},
		{"DR0802", doctor.Failed, func(f *doctor.Facts) { f.Machine.Files, f.Machine.FreeFiles = 1000, 0 }},
		{"DR0803", doctor.Warning, func(f *doctor.Facts) { f.Machine.Open = 1024 }},
	} {
		facts := doctor.Facts{
			Roles: []string{"watch"}, Inboxes: []doctor.Inbox{{Source: "inbox", Probed: true}},
			Machine: doctor.Machine{Free: 50 << 30, Size: 100 << 30, Files: 1000, FreeFiles: 900, Open: 65536},
		}
		if x := result(doctor.Judge(facts), f.code); x.Mark != doctor.OK {
			t.Errorf("%s in good order: %s %q", f.code, x.Mark, x.Problems)
		}
		f.see(&facts)
		if x := result(doctor.Judge(facts), f.code); x.Mark != f.mark || len(x.Problems) == 0 {
			t.Errorf("%s: %s %q, want %s", f.code, x.Mark, x.Problems, f.mark)
		}
	}
}
