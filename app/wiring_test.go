package app

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"usher/account"
	"usher/console"
	"usher/event"
	"usher/ingest"
	"usher/metrics"
	"usher/streams"
	"usher/streams/streamstest"
	"usher/tracing"
)

// leftEmpty are the fields that usher sets under no settings, each with the
// reason. One that is set, or that is gone, does not belong here.
var leftEmpty = map[string]string{
	"bridge.Config.Workers":    "its default is what operators get; the simulation has fewer",
	"bridge.Config.MaxDeliver": "its default is what operators get; tests give up sooner",
	"notify.Config.Grace":      "its default fits the time that a stop is given",
	"account.Config.Limit":     "its default is what operators get; tests wait less",
	"console.Config.Answer":    "its default is in the contract",
	"ingest.Config.Rescan":     "its default is what operators get; tests wait less",
	"ingest.Config.Quiet":      "its default is in the contract",
	"ingest.Config.Empty":      "its default is what operators get; tests wait less",
	"ingest.Config.Settle":     "its default is what operators get; tests wait less",
	"ingest.Config.Batch":      "its default is the most that JetStream takes; tests have more batches of fewer records",
	"ingest.Config.Held":       "its default is what operators get; tests spill sooner",
	"ingest.Config.Dead":       "its default is what operators get; tests wait less",
	"ingest.Config.Events":     "the system tells of new files, but not in a simulation",
	"streams.Sampler.Every":    "its default is what operators get; tests wait less",
	"streams.Room.Every":       "its default is what operators get; tests wait less",
}

// Under settings that name everything, every field of what a stage is built from
// is set: what only a test sets, operators do not have. And under the fewest, one
// that is empty says in its comment what that means. A regression of issue 14.
func TestEveryStageIsWiredWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, config := range wired(t, newWired(t, true)) {
		eachField(config, func(name string, empty bool) {
			why, may := leftEmpty[name]
			if seen[name] = true; empty && why == "" {
				t.Errorf("%s is empty under every setting: set it in wiring.go, or say in leftEmpty why not", name)
			} else if !empty && may {
				t.Errorf("%s is set; take it out of leftEmpty", name)
			}
		})
	}
	for name := range leftEmpty {
		if !seen[name] {
			t.Errorf("there is no field %s", name)
		}
	}
	for _, config := range wired(t, newWired(t, false)) {
		of := reflect.Indirect(reflect.ValueOf(config)).Type()
		said := comments(t, of)
		eachField(config, func(name string, empty bool) {
			f, _ := of.FieldByName(name[strings.LastIndexByte(name, '.')+1:])
			if empty && f.Type.Kind() != reflect.Bool && !meaning.MatchString(said[f.Name]) && !meaning.MatchString(typeComment(t, f.Type)) {
				t.Errorf("%s may be empty, and its comment does not say what that means: %q", name, said[f.Name])
			}
		})
	}
}

// meaning is how a comment says what an empty field means.
var meaning = regexp.MustCompile(`(?i)\b(nil|zero|none|default|if any|0)\b|""|of (SCIM|the webhook):`)

// A stage with a seam that is nil is not built.
func TestAStageWithoutANeighbourIsNotBuilt(t *testing.T) {
	p := newWired(t, true)
	p.people = nil
	m := metrics.NewWorker(p.registry, p.shared)
	if _, err := p.activities(m, nil, nil); err == nil || !strings.Contains(err.Error(), "workflows.Activities: People is not set") || !strings.Contains(err.Error(), "Sender is not set") {
		t.Errorf("activities: %v", err)
	}
	if _, err := p.bridgeConfig(); err == nil || !strings.Contains(err.Error(), "bridge.Config: People is not set") {
		t.Errorf("the bridge: %v", err)
	}
	c, err := p.consoleConfig()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := console.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "console.Config: Ledger is not set") {
		t.Errorf("the console: %v", err)
	}
	in, err := p.ingestConfig()
	if err != nil {
		t.Fatal(err)
	}
	in.JetStream = nil
	if _, err := ingest.New(in); err == nil || !strings.Contains(err.Error(), "ingest.Config: JetStream is not set") {
		t.Errorf("the watcher: %v", err)
	}
}

// A search by address finds the person whom a list brought. A
// regression of issue 14.
func TestEveryoneDerivesTheSameID(t *testing.T) {
	p := newWired(t, false)
	b, err := p.bridgeConfig()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.sampler()
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.room(s)
	if err != nil {
		t.Fatal(err)
	}
	want := p.key.UserID("zoe@xn--bcher-kva.example", "")
	for _, written := range []string{"zoe@bücher.example", " Zoe@BÜCHER.Example.", "ZOE@XN--BCHER-KVA.EXAMPLE"} {
		// As each of them has it from the body of a decision.
		if got := b.UserIDByEmail(event.NormalizeEmail(written)); got != want {
			t.Errorf("for the bridge %s is %s, want %s", written, got, want)
		}
		if got := r.UserID(event.NormalizeEmail(written)); got != want {
			t.Errorf("for what keeps decisions from being purged %s is %s, want %s", written, got, want)
		}
	}
}

// wired are all that stages are built from.
func wired(t *testing.T, p *process) (all []any) {
	t.Helper()
	add := func(config any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, config)
	}
	m := metrics.NewWorker(p.registry, p.shared)
	list, receipts, err := p.openDelivery(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if receipts != nil {
		all = append(all, receipts)
	}
	sender, err := p.notifyConfig(m, list, receipts)
	add(sender, err)
	target, err := p.Accounts.config(m, p.Log)
	add(target, err)
	s, err := p.sender(m, list, receipts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // nothing was sent
	none, err := account.New(account.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.activities(m, s, none)
	add(a, err)
	b, err := p.bridgeConfig()
	add(b, err)
	sampler, err := p.sampler()
	add(sampler, err)
	room, err := p.room(sampler)
	add(room, err)
	c, err := p.catcherConfig()
	add(c, err)
	web, err := p.consoleConfig()
	add(web, err)
	in, err := p.ingestConfig()
	add(in, err)
	return all
}

func eachField(config any, each func(name string, empty bool)) {
	v := reflect.Indirect(reflect.ValueOf(config))
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			each(v.Type().String()+"."+f.Name, v.Field(i).IsZero())
		}
	}
}

// comments are what is said at each field of a type, or before the lines among
// which it stands.
func comments(t *testing.T, of reflect.Type) map[string]string {
	t.Helper()
	said := map[string]string{}
	typeSpec(t, of, func(files *token.FileSet, _ *ast.GenDecl, spec *ast.TypeSpec) {
		above, last := "", 0
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if field.Doc != nil {
				above = field.Doc.Text()
			} else if files.Position(field.Pos()).Line > last+1 {
				above = ""
			}
			last = files.Position(field.End()).Line
			for _, name := range field.Names {
				said[name.Name] = above + field.Comment.Text()
			}
		}
	})
	return said
}

// typeComment is what a type of usher says of itself.
func typeComment(t *testing.T, of reflect.Type) (text string) {
	t.Helper()
	if of.Name() != "" && strings.HasPrefix(of.PkgPath(), "usher/") {
		typeSpec(t, of, func(_ *token.FileSet, d *ast.GenDecl, _ *ast.TypeSpec) { text = d.Doc.Text() })
	}
	return text
}

// typeSpec finds the source of a type of usher.
func typeSpec(t *testing.T, of reflect.Type, each func(*token.FileSet, *ast.GenDecl, *ast.TypeSpec)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", strings.TrimPrefix(of.PkgPath(), "usher/"), "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			d, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range d.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.Name == of.Name() {
					each(files, d, spec)
				}
			}
		}
	}
}

// servers stands for embedded ones, of which the wiring asks one thing.
type servers struct{ Embedded }

func (servers) MaxStore() int64 { return 1 << 30 }

// newWired is a process that has opened all that its stages are joined to, under
// settings that name everything, or as few as there can be.
func newWired(t *testing.T, everything bool) *process {
	t.Helper()
	js, _ := streamstest.Start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	temporal, err := client.NewLazyClient(client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	p := &process{
		Env: Env{Out: io.Discard, Log: slog.New(slog.DiscardHandler)}, registry: prometheus.NewRegistry(),
		js: js, temporal: temporal, pub: streams.NewPublisher(js, nil), console: l, key: event.Key("a key for this test"),
	}
	p.shared, p.figures = metrics.NewShared(p.registry), metrics.NewProcess(p.registry, "", "")
	if p.pauses, err = streams.NewPauses(t.Context(), js, p.figures.Paused, p.figures.PauseEnds, p.Log); err != nil {
		t.Fatal(err)
	}
	if p.people, err = streams.NewPeople(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if p.reports, err = streams.NewReports(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	p.addr.CatcherSMTP, p.addr.CatcherHTTP = "127.0.0.1:1025", "127.0.0.1:8025"
	p.Config = Config{Base: Base{Data: t.TempDir()}, Servers: Servers{Catching: Catching{CatcherSMTPAddr: "127.0.0.1:0", CatcherHTTPAddr: "127.0.0.1:0"}}, Limits: DefaultLimits()}
	p.MailFrom, p.SMSAccount, p.SMSFrom = "welcome@usher.example", "ACusher", "+15005550006"
	if !everything {
		return p
	}
	p.Fault = func(string) {}
	p.me = event.Process{ID: "process", Start: 1}
	if p.lives, err = streams.NewAlive(t.Context(), js, p.me, time.Minute); err != nil {
		t.Fatal(err)
	}
	p.ownNATS, p.servers, p.addr.TemporalUI = metrics.NewServer(p.registry), servers{}, "127.0.0.1:8233"
	if p.codec, err = newCodec([]byte("a key for payloads of this test")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	tracer, stop, err := tracing.New(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop(context.Background()) }) // nothing was traced
	p.tracer = tracer
	p.CatcherChaos, p.ConsolePassword = "sms 429 5%", "a password for this test"
	p.Templates = t.TempDir()
	if err := os.CopyFS(p.Templates, os.DirFS("../notify/templates")); err != nil {
		t.Fatal(err)
	}
	p.UndoWindow = 10 * time.Second
	p.WatchData, p.ConsoleURL, p.TrustedProxies, p.ConsoleNoBasicAuth = t.TempDir(), "https://console.example", []string{"10.0.0.0/8"}, true
	p.SignOn = SignOn{OIDCIssuer: "https://id.example.org", OIDCSession: time.Hour, GroupRole: []string{"admin=bosses"}, NoLocalAccounts: true, TrustedHeader: "X-Remote-User", TrustedHeaderFrom: []string{"10.0.0.1"}}
	p.RejectReasons = filepath.Join(t.TempDir(), "reasons")
	if err := os.WriteFile(p.RejectReasons, []byte("gone = Is gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.OnUnknown, p.MaxPause, p.AllowRecipients = "hold", time.Hour, []string{"@example.org"}
	p.ReceiptsHTTPAddr, p.ReceiptsURL, p.ReturnPath = "127.0.0.1:0", "https://receipts.example.org", "bounces@example.org"
	p.KeepFiles, p.MostWaiting = time.Hour, 1000
	p.Accounts = Accounts{
		AccountTarget: account.SCIM, AccountURL: "https://accounts.example", AccountToken: "t", AccountSecret: "s", AccountUndo: account.UndoDelete,
		AccountUserName: account.UserNameEmail, AccountInsecure: true,
	}
	p.Verifiers = map[string]string{"inbox": "crm"}
	return p
}
