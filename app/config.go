package app

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"usher/account"
	"usher/console"
	"usher/event"
	"usher/ingest"
)

// Config is every setting of a process. The tags are read by the command line,
// which makes of each field a flag, an environment variable and a key of
// usher.yaml.
type Config struct {
	Base     `embed:""`
	External `embed:""`
	Servers  `embed:""`
	Intake   `embed:""`
	Delivery `embed:""`
	Receipts `embed:""`
	Accounts `embed:""`
	Reports  `embed:""`
	Site     `embed:""`
	Web      `embed:""`
	Limits   `embed:""`
	Deciding `embed:""`

	Roles Roles `kong:"-"`
}

// Roles says which stages run in this process. The catcher runs alone, or in `usher up`,
// where it needs no name.
type Roles struct{ Watch, Bridge, Worker, Console, Catcher bool }

// AllRoles is what `usher up` runs.
var AllRoles = Roles{Watch: true, Bridge: true, Worker: true, Console: true}

// Base is what every process has.
type Base struct {
	Data      string `help:"Folder for everything that usher keeps." default:"./usher-data" placeholder:"DIR"`
	OpsAddr   string `help:"Where /metrics, /livez and /readyz are served." default:"127.0.0.1:9464" placeholder:"ADDR"`
	Pprof     bool   `help:"Serve profiles at /debug/pprof/ beside /metrics."`
	LogLevel  string `help:"Least level that is logged: debug, info, warn or error." default:"info" enum:"debug,info,warn,error"`
	LogFormat string `help:"Form of the log: text or json." default:"text" enum:"text,json"`
}

// External are servers that run elsewhere.
type External struct {
	NATSAccess     `embed:""`
	TemporalAccess `embed:""`
	PayloadKey     string `help:"Key that encrypts what Temporal stores." placeholder:"SECRET"`
	PayloadKeyFile string `help:"File with that key; further lines are older keys, which still decrypt." type:"path" placeholder:"FILE"`
	Replicas       int    `help:"Copies of each stream in a NATS cluster, used when streams are created." default:"1"`
}

// Servers are the embedded servers and the catcher of `usher up`.
type Servers struct {
	NATSAddr       string `name:"nats-addr" help:"Where the embedded NATS listens." default:"127.0.0.1:4222" placeholder:"ADDR"`
	TemporalAddr   string `help:"Where the embedded Temporal listens." default:"127.0.0.1:7233" placeholder:"ADDR"`
	TemporalUIAddr string `name:"temporal-ui-addr" help:"Where Temporal's web pages are served." default:"127.0.0.1:8233" placeholder:"ADDR"`
	Catching       `embed:""`
	MaxStore       Bytes         `help:"Room for all streams, such as 6GB; 0 takes what the disk allows, 20 GiB at most." default:"0" placeholder:"SIZE"`
	AcceptLost     []string      `help:"Recreate these lost streams; usher does not start while one is missing." placeholder:"STREAM"`
	Retention      time.Duration `help:"How long Temporal keeps a finished workflow." default:"720h"`
	Canary         time.Duration `help:"Send a canary user the whole way this often, such as 5m; 0 sends none."`
	CanaryEmail    string        `help:"Address of a sink for its messages; needed unless the catcher takes them." placeholder:"ADDRESS"`
	CanaryPhone    string        `help:"Number of a sink for its text messages; without it none is sent." placeholder:"NUMBER"`
	Sample         string        `help:"On new data, drop this file into the inbox." type:"path" placeholder:"FILE" hidden:""`
}

// Catching is the catcher, which takes messages and sends none.
type Catching struct {
	CatcherSMTPAddr  string `name:"catcher-smtp-addr" help:"Where the catcher takes e-mail." default:"127.0.0.1:1025" placeholder:"ADDR"`
	CatcherHTTPAddr  string `name:"catcher-http-addr" help:"Where the catcher takes text messages and shows what came." default:"127.0.0.1:8025" placeholder:"ADDR"`
	CatcherChaos     string `help:"Faults that the catcher makes on purpose, as rules such as: smtp.rcpt 450 10%; sms 429 retry-after=2s 5%" placeholder:"RULES"`
	CatcherChaosFile string `help:"File with such rules, one a line." type:"path" placeholder:"FILE"`
}

// Inboxes are folders that files are dropped into, and what each takes.
type Inboxes struct {
	Inbox        map[string]string `help:"More inboxes: the event source, and the folder to watch." placeholder:"NAME=DIR"`
	ingest.Rules `embed:""`
}

// Intake is how files are taken.
type Intake struct {
	Inboxes   `embed:""`
	IDKey     string `name:"id-key" help:"Key that derives user ids from addresses." placeholder:"SECRET"`
	IDKeyFile string `name:"id-key-file" help:"File with that key." type:"path" placeholder:"FILE"`

	KeepFiles   time.Duration `help:"How long archived and refused files are kept; 0 keeps them for ever." default:"9600h"`
	MostWaiting int           `help:"How many records may wait for the bridge before intake pauses; 0 is no limit." default:"1000000"`
}

// Content is what messages say.
type Content struct {
	Templates string `help:"Folder with messages of your own, in the place of those that come with usher." type:"path" placeholder:"DIR"`
}

// Delivery is how messages go out. Without a server, messages go to the catcher.
type Delivery struct {
	Content `embed:""`

	SMTPAddr         string `name:"smtp-addr" help:"SMTP server that takes the e-mail." placeholder:"HOST:PORT"`
	SMTPTLS          string `name:"smtp-tls" help:"TLS towards it: none, starttls or tls." default:"starttls" enum:"none,starttls,tls"`
	SMTPUsername     string `name:"smtp-username" help:"User name there." placeholder:"NAME"`
	SMTPPassword     string `name:"smtp-password" help:"Password there." placeholder:"SECRET"`
	SMTPPasswordFile string `name:"smtp-password-file" help:"File with that password." type:"path" placeholder:"FILE"`
	MailFrom         string `help:"Sender of e-mail." default:"Welcome <welcome@usher.example>" placeholder:"ADDRESS"`
	SMSURL           string `name:"sms-url" help:"Twilio-compatible service that takes the text messages, up to the host or the path before /2010-04-01." placeholder:"URL"`
	SMSAccount       string `name:"sms-account" help:"Account there." default:"ACusher" placeholder:"SID"`
	SMSToken         string `name:"sms-token" help:"Token there." placeholder:"SECRET"`
	SMSTokenFile     string `name:"sms-token-file" help:"File with that token." type:"path" placeholder:"FILE"`
	SMSFrom          string `name:"sms-from" help:"Sender of text messages." default:"+15005550006" placeholder:"NUMBER"`
	OnUnknown        string `help:"What to do when it is not known whether a message went out: resend or hold." default:"resend" enum:"resend,hold"`

	Providers       string        `help:"YAML file with several providers of each channel, or ones the flags cannot describe; see docs/delivery.md." type:"path" placeholder:"FILE"`
	AllowRecipients []string      `help:"Only these get messages, so that a test system cannot reach real people: addresses, @domains, numbers or their beginnings as +4930*." placeholder:"RECIPIENT"`
	MaxPause        time.Duration `help:"Longest pause before the next try, whatever the trouble and whatever the provider asks for." default:"1h"`
}

// Accounts are where the accounts of approved users are made usable.
type Accounts struct {
	AccountTarget     string `help:"What makes accounts usable: none, scim or webhook." default:"none" enum:"none,scim,webhook"`
	AccountURL        string `name:"account-url" help:"Its address; of SCIM what stands before /Users." placeholder:"URL"`
	AccountToken      string `help:"Bearer token of SCIM." placeholder:"SECRET"`
	AccountTokenFile  string `help:"File with that token." type:"path" placeholder:"FILE"`
	AccountSecret     string `help:"Secret that signs webhooks: whsec_ and 24 to 64 bytes in base64." placeholder:"SECRET"`
	AccountSecretFile string `help:"File with that secret." type:"path" placeholder:"FILE"`
	AccountUndo       string `help:"What to do with the account of a user who is withdrawn: deactivate, or delete if usher made it." default:"deactivate" enum:"deactivate,delete"`
	AccountUserName   string `name:"account-username" help:"userName of new SCIM accounts: email or user_id." default:"email" enum:"email,user_id"`
	AccountInsecure   bool   `help:"Allow names and addresses to cross a network to it unencrypted."`
}

// Reports are what happens regularly: people are told how things stand, and
// imports are compared with what became of them.
type Reports struct {
	Deciders       map[string]string `help:"Who decides about people of an inbox, and gets the digest: addresses joined by commas; the inbox * stands for all." placeholder:"INBOX=ADDRESS,ADDRESS"`
	DigestAt       []string          `help:"When the digest goes out each day." default:"09:00" placeholder:"HH:MM"`
	ReportTo       []string          `help:"Who gets the end-of-day report." placeholder:"ADDRESS"`
	ReportAt       string            `help:"When the day ends for it." default:"18:00" placeholder:"HH:MM"`
	AuditMail      []string          `help:"Who gets the head of the trail of who did what each day, with which a cut or rewritten trail is found." placeholder:"ADDRESS"`
	AuditMailAt    string            `help:"When that is." default:"00:00" placeholder:"HH:MM"`
	TimeZone       string            `help:"Of these times, as in the IANA database." default:"UTC" placeholder:"ZONE"`
	ReconcileEvery time.Duration     `help:"How often imports are compared with what became of them; 0 is never." default:"1h"`
}

// Site is where people reach the console.
type Site struct {
	ConsoleURL string `name:"console-url" help:"Address that people open for the console, with its path: of links in messages, and of the proxy before it (docs/proxy.md)." placeholder:"URL"`
}

// Web is the console.
type Web struct {
	ConsoleAddr         string   `help:"Where the console is served." default:"127.0.0.1:8080" placeholder:"ADDR"`
	ConsolePassword     string   `help:"Password of the account admin." placeholder:"SECRET"`
	ConsolePasswordFile string   `help:"File with that password." type:"path" placeholder:"FILE"`
	TrustedProxies      []string `help:"Addresses or networks of the proxies before the console, whose X-Forwarded-For says who is behind them." placeholder:"CIDR"`
	ConsoleNoBasicAuth  bool     `name:"console-no-basic-auth" help:"Take tokens only in the console's API, and no passwords."`
	SignOn              `embed:""`
	RejectReasons       string        `help:"File with the reasons that the console offers for a rejection, one a line as CODE = WORDS; those that come with usher otherwise." type:"path" placeholder:"FILE"`
	UndoWindow          time.Duration `help:"How long a decision on the console's pages can be undone; it takes effect afterwards. Whole seconds, at most 1h; 0 means at once." default:"10s"`
	WatchData           string        `help:"Data folder of the watcher, so that files can be uploaded and mended in a console that runs alone. Give it the --inbox and the rules of the watcher too." type:"path" placeholder:"DIR"`
	MaxUpload           Bytes         `help:"Largest file that is taken by upload, such as 2GB; 0 takes what the disk has room for." default:"0" placeholder:"SIZE"`
	TemporalUIOrigin    string        `name:"temporal-ui-origin" help:"Origin of a Temporal Web UI elsewhere whose pages may have payloads decrypted at /codec, such as https://temporal.example." placeholder:"ORIGIN"`
}

// Limits are the times that an onboarding runs by.
type Limits struct {
	ExpireAfter   time.Duration            `help:"How long a user waits for a decision; 0 means for ever." default:"720h"`
	ExpireInbox   map[string]time.Duration `help:"The same for the people of one inbox." placeholder:"INBOX=TIME"`
	TellRejected  []string                 `help:"Inboxes whose rejected users get an e-mail that says so politely." placeholder:"INBOX"`
	UndoUnreached []string                 `help:"Inboxes where the account is undone when no message reached its user." placeholder:"INBOX"`

	ParkedFor   time.Duration     `help:"How long a decision waits for its user." default:"72h"`
	MostParked  int               `help:"How many such decisions one source may have waiting at once; more become dead letters." default:"10000"`
	SendFor     time.Duration     `help:"How long a message is tried." default:"24h"`
	SendAttempt time.Duration     `help:"How long one try may take, with the ten minutes that a mail server gets for its answer." default:"12m"`
	RetryFirst  time.Duration     `help:"First pause between two tries; it doubles." default:"2s"`
	Heartbeat   time.Duration     `help:"A worker silent for so long is taken for dead." default:"5s"`
	Verifiers   map[string]string `help:"Sources that decide about people of an inbox, joined by +; without it all do." placeholder:"INBOX=SOURCE+SOURCE"`
	AckWait     time.Duration     `help:"A bridge silent for so long is taken for dead." default:"15s"`
}

// verifiers are the sources that decide about people of each inbox.
func (l Limits) verifiers() map[string]event.Verifiers {
	out := map[string]event.Verifiers{}
	for inbox, sources := range l.Verifiers {
		out[inbox] = strings.Split(sources, "+")
	}
	return out
}

// settings are the limits for the people of an inbox; "" is for those of whom
// it is not known yet which one brings them.
func (c Config) settings(inbox string) event.Settings {
	l := c.Limits
	s := event.Settings{
		ExpireAfter: l.ExpireAfter, TellRejected: slices.Contains(l.TellRejected, inbox), UndoUnreached: slices.Contains(l.UndoUnreached, inbox),
		ParkedFor: l.ParkedFor, SendFor: l.SendFor, SendAttempt: l.SendAttempt, RetryFirst: l.RetryFirst, Heartbeat: l.Heartbeat,
	}
	if d, ok := l.ExpireInbox[inbox]; ok {
		s.ExpireAfter = d
	}
	rules, _ := c.fourEyes() // Validate has looked at them
	s.FourEyes = rules[inbox]
	if c.AccountTarget != account.None && inbox != event.SourceCanary { // a canary needs no account
		s.Target = c.AccountTarget
	}
	return s
}

// inboxSettings are the limits of each inbox.
func (c Config) inboxSettings() map[string]event.Settings {
	out := map[string]event.Settings{}
	for _, in := range c.inboxes() {
		out[in.Source] = c.settings(in.Source)
	}
	for inbox := range c.ExpireInbox { // the bridge may run without the watch role's inboxes
		out[inbox] = c.settings(inbox)
	}
	rules, _ := c.fourEyes()
	for _, inbox := range slices.Concat(c.TellRejected, c.UndoUnreached, slices.Collect(maps.Keys(rules))) {
		out[inbox] = c.settings(inbox)
	}
	return out
}

// Validate reports everything that is wrong with the settings at once, each with
// the flag to mend.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		bad("--data: a folder is needed")
	}
	for name, dir := range c.Inbox {
		if err := event.CheckSource(name); err != nil {
			bad("--inbox: %w", err)
		} else if name == event.SourceInbox || name == event.SourceConsole || name == event.SourceCLI || name == event.SourceCanary {
			bad("--inbox: the name %s is taken by usher itself", name)
		}
		if dir == "" {
			bad("--inbox %s: a folder is needed", name)
		}
	}
	if c.KeepFiles < 0 || c.MostWaiting < 0 {
		bad("--keep-files, --most-waiting: must not be below 0")
	}
	if err := c.Rules.Check(c.inboxNames()); err != nil {
		bad("%w", err)
	}
	for inbox, sources := range c.verifiers() {
		for _, s := range sources {
			if err := event.CheckSource(s); err != nil {
				bad("--verifiers %s: %w", inbox, err)
			}
		}
	}
	rules, wrong := c.fourEyes()
	errs = append(errs, wrong...)
	for inbox := range rules {
		if c.Roles.Watch && !c.inboxNames()[inbox] { // a name that is wrong would protect no one
			bad("--four-eyes %s: there is no such inbox; name it with --inbox", inbox)
		}
	}
	if d := c.UndoWindow; d < 0 || d > event.MaxUndoWindow || d%time.Second != 0 {
		bad("--undo-window: must be whole seconds, at most %s; 0 switches it off", event.MaxUndoWindow)
	}
	if c.ExpireAfter < 0 {
		bad("--expire-after: must not be negative")
	}
	for inbox, d := range c.ExpireInbox {
		if d < 0 {
			bad("--expire-inbox %s: must not be negative", inbox)
		}
	}
	for flag, d := range map[string]time.Duration{
		"parked-for": c.ParkedFor, "send-for": c.SendFor, "send-attempt": c.SendAttempt, "retry-first": c.RetryFirst, "heartbeat": c.Heartbeat, "ack-wait": c.AckWait,
	} {
		if d <= 0 {
			bad("--%s: must be longer than nothing", flag)
		}
	}
	for _, s := range []struct{ flag, value, file string }{
		{"id-key", c.IDKey, c.IDKeyFile}, {"payload-key", c.PayloadKey, c.PayloadKeyFile}, {"nats-password", c.NATSPassword, c.NATSPasswordFile}, {"smtp-password", c.SMTPPassword, c.SMTPPasswordFile},
		{"sms-token", c.SMSToken, c.SMSTokenFile}, {"console-password", c.ConsolePassword, c.ConsolePasswordFile}, {"catcher-chaos", c.CatcherChaos, c.CatcherChaosFile}, {"receipts-secret", c.ReceiptsSecret, c.ReceiptsSecretFile},
		{"account-token", c.AccountToken, c.AccountTokenFile}, {"account-secret", c.AccountSecret, c.AccountSecretFile}, {"oidc-client-secret", c.OIDCClientSecret, c.OIDCClientSecretFile},
	} {
		if s.value != "" && s.file != "" {
			bad("--%s and --%s-file: give one of them", s.flag, s.flag)
		}
	}
	if err := c.Receipts.validate(); err != nil {
		bad("%w", err)
	}
	if c.Canary > 0 && (c.SMTPAddr != "" || c.Providers != "") && c.CanaryEmail == "" {
		bad("--canary-email: a real mail server is configured, so say which address takes the canary's messages")
	}
	if u, err := url.Parse(c.TemporalUIOrigin); c.TemporalUIOrigin != "" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != c.TemporalUIOrigin) {
		bad("--temporal-ui-origin: give the scheme, the host and the port and nothing else, such as https://temporal.example")
	}
	if err := c.Accounts.validate(); err != nil && c.Roles != (Roles{Bridge: true}) { // a bridge needs to know the kind only
		bad("%w", err)
	}
	if err := c.Reports.validate(); err != nil {
		bad("%w", err)
	}
	if c.ConsoleURL != "" {
		if _, err := console.ParseURL(c.ConsoleURL); err != nil {
			bad("--console-url: %w", err)
		}
	}
	errs = append(errs, c.validateSignOn(c.ConsoleURL)...)
	if _, err := c.proxies(); err != nil {
		bad("%w", err)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (c Config) path(name ...string) string {
	return filepath.Join(append([]string{c.Data}, name...)...)
}

// inboxNames are those that rules may name.
func (c Config) inboxNames() map[string]bool {
	known := map[string]bool{event.SourceInbox: true}
	for name := range c.Inbox {
		known[name] = true
	}
	return known
}

// inboxes are the folders to watch, the default one first; canary users have one
// of their own.
func (c Config) inboxes() []struct{ Source, Dir string } {
	out := []struct{ Source, Dir string }{
		{event.SourceInbox, c.path("inbox")}, {event.SourceCanary, c.path(event.SourceCanary)},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Inbox)) {
		out = append(out, struct{ Source, Dir string }{name, c.Inbox[name]})
	}
	return out
}

// secret is a value given as a flag, or in the file that the flag with -file names.
func secret(flag, value, file string) (string, error) {
	return event.ReadSecret("--"+flag, value, "--"+flag+"-file", file)
}

// DefaultLimits are those of production.
func DefaultLimits() Limits {
	s := event.DefaultSettings()
	return Limits{ExpireAfter: s.ExpireAfter, ParkedFor: s.ParkedFor, MostParked: 10000, SendFor: s.SendFor, SendAttempt: s.SendAttempt, RetryFirst: s.RetryFirst, Heartbeat: s.Heartbeat, AckWait: 15 * time.Second}
}
