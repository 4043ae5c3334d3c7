package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"usher/event"
	"usher/ingest"
	"usher/streams/streamstest"
)

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("schemas", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// The examples fit their schema, and the bridge's parser takes them.
func TestExamplesAreWhatUsherTakes(t *testing.T) {
	s := schema(t, "verification.v1.json")
	files, err := filepath.Glob("examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var header map[string][]string
		if strings.Contains(f, "structured") {
			header = map[string][]string{"Content-Type": {"application/cloudevents+json"}}
		}
		env, err := event.ParseEnvelope(header, b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if err := valid(t, s, env.Data); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if _, err := event.ParseVerificationBody(env.Data); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// What the schema refuses, the parser refuses, and the other way round.
func TestSchemaAndParserAgree(t *testing.T) {
	verification, user := schema(t, "verification.v1.json"), schema(t, "user.imported.v1.json")
	for _, body := range []string{
		`{"user_id":"u-1"}`, `{"email":"a@example.org"}`, `{}`, `{"user_id":""}`, `{"user_id":"a b"}`, `{"user_id":"a..b"}`, `{"user_id":".a"}`,
		`{"user_id":7}`, `{"user_id":7.0}`, `{"user_id":7.5}`, `{"user_id":-7}`, `{"user_id":[7]}`, `{"user_id":"u-1","reason":7}`, `{"user_id":"` + strings.Repeat("x", 129) + `"}`,
	} {
		_, err := event.ParseVerificationBody([]byte(body))
		if s := valid(t, verification, []byte(body)); (s == nil) != (err == nil) {
			t.Errorf("verification %.40s: the schema says %v, the parser %v", body, s, err)
		}
	}
	imp := `"import":{"id":"i","file":"f","record":1,"line":2}`
	for _, body := range []string{
		`{"user_id":"u-1","email":"a@example.org",` + imp + `}`, `{"user_id":"u-1","phone":"+49301234567",` + imp + `}`,
		`{"user_id":"u-1",` + imp + `}`, `{"user_id":"u 1","email":"a@example.org",` + imp + `}`, `{"user_id":"u-1","email":7,` + imp + `}`,
	} {
		_, err := event.ParseUser([]byte(body))
		if s := valid(t, user, []byte(body)); (s == nil) != (err == nil) {
			t.Errorf("user %.60s: the schema says %v, the parser %v", body, s, err)
		}
	}
}

// Every field that usher writes is in the schema, and no schema invents one.
func TestSchemasNameEveryField(t *testing.T) {
	for name, v := range map[string]any{"user.imported.v1.json": event.User{}, "verification.v1.json": event.VerificationBody{}, "fact.v1.json": event.Fact{}} {
		b, err := os.ReadFile(filepath.Join("schemas", name))
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for f := range reflect.TypeOf(v).Fields() {
			if key := strings.Split(f.Tag.Get("json"), ",")[0]; key != "people" { // taken off before a fact is published
				want = append(want, key)
			}
		}
		for p := range s.Properties {
			got = append(got, p)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s has %v, usher writes %v", name, got, want)
		}
	}
}

// A reader who holds facts to the schema, or knows only the kinds that the contract
// names, is never surprised. Issue 15.
func TestEveryFactIsDocumented(t *testing.T) {
	s := schema(t, "fact.v1.json")
	at := time.Now()
	try := func(f event.Fact) {
		b, err := json.Marshal(f.WithID())
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
	late := event.Fact{Kind: event.FactLate, UserID: "u-1", Generation: 1, N: 3, At: at, Status: event.StatusWelcomed, Effect: event.EffectLate, DecidedAt: &at}
	for _, e := range event.Effects() {
		late.Effect = e
		try(late)
	}
	for _, st := range event.Statuses() {
		late.Status = st
		try(late)
	}
	for _, a := range []string{event.AnswersUser, event.AnswersVerification} {
		late.Answers = a
		try(late)
	}
	for _, c := range []string{event.ChannelEmail, event.ChannelSMS} {
		try(event.Fact{Kind: event.FactSent, UserID: "u-1", Generation: 1, N: 3, At: at, Channel: c, Purpose: event.PurposeRejected, Ordinal: 2})
	}
	kinds := constants(t, "../event/fact.go", "Fact")
	for _, doc := range []string{"contract.md", "asyncapi.yaml"} {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range kinds {
			if !regexp.MustCompile(`\b` + k + `\b[` + "`" + `,']`).Match(b) {
				t.Errorf("%s does not name the fact %s", doc, k)
			}
		}
	}
}

// constants are the values of the string constants of a file whose names begin so.
func constants(t *testing.T, file, prefix string) (values []string) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && len(v.Values) == 1 && strings.HasPrefix(v.Names[0].Name, prefix) {
			if l, ok := v.Values[0].(*ast.BasicLit); ok && l.Kind == token.STRING {
				values = append(values, strings.Trim(l.Value, `"`))
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s declares no constants %s…", file, prefix)
	}
	return values
}

// The versions that design.md says were built together are those of go.mod.
func TestPinsAreThoseOfGoMod(t *testing.T) {
	design, err := os.ReadFile("design.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, pins, _ := strings.Cut(string(design), "- **Pins that were built and started together**")
	pins, _, _ = strings.Cut(pins, "; tools ")
	found := regexp.MustCompile("`([^` ]+)\\s+(v[^` ]+)`").FindAllStringSubmatch(pins, -1)
	if len(found) < 20 {
		t.Fatalf("only %d pins were found", len(found))
	}
	for _, p := range found {
		if !regexp.MustCompile(`(?m)[\s/]` + regexp.QuoteMeta(p[1]+" "+p[2]) + `\b`).Match(mod) {
			t.Errorf("go.mod does not have %s %s", p[1], p[2])
		}
	}
}

// The publishers store an event that the bridge can read, once.
func TestPublishers(t *testing.T) {
	for name, command := range map[string][]string{
		"Python": {"python3", "examples/publish.py", "ADDRESS"},
		"Go":     {"go", "run", "./examples/publish", "URL"},
	} {
		t.Run(name, func(t *testing.T) { testPublisher(t, command) })
	}
}

func testPublisher(t *testing.T, command []string) {
	js, url := streamstest.Start(t)
	args := append(slices.Clone(command[1:]), "crm", "approved", "u-1001", "e-1")
	for i, a := range args {
		switch a {
		case "URL":
			args[i] = url
		case "ADDRESS":
			args[i] = strings.TrimPrefix(url, "nats://")
		}
	}
	for i := range 2 {
		out, err := exec.Command(command[0], args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "stored in VERIFICATIONS as 1") {
			t.Fatalf("call %d: %v\n%s", i+1, err, out)
		}
	}
	s, err := js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	var m *jetstream.RawStreamMsg
	if m, err = s.GetMsg(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	env, err := event.ParseEnvelope(m.Header, m.Data)
	if err != nil || env.ID != "e-1" {
		t.Errorf("%+v %v", env, err)
	}
	if s.CachedInfo().State.Msgs != 1 {
		t.Errorf("%d messages are stored", s.CachedInfo().State.Msgs)
	}
}

// The picture of the state machine is the list that the code and its tests use,
// but for the ways back from every end, which one sentence tells.
func TestStateMachineIsDrawn(t *testing.T) {
	b, err := os.ReadFile("workflow.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("stateDiagram-v2\n")
	name := func(s event.Status) string {
		if s == "" {
			return "[*]"
		}
		return string(s)
	}
	for _, m := range event.Transitions() {
		if m.From.Final() && !m.To.Final() {
			continue
		}
		fmt.Fprintf(&want, "    %s --> %s: %s\n", name(m.From), name(m.To), m.Why)
	}
	_, rest, _ := strings.Cut(string(b), "```mermaid\n")
	got, _, _ := strings.Cut(rest, "```")
	if got != want.String() {
		t.Errorf("docs/workflow.md must draw\n%s", want.String())
	}
}

// Every code with which a row or a file is refused is explained, and no other;
// and the lists of codes name what the code says.
func TestCodesAreExplained(t *testing.T) {
	code := regexp.MustCompile(`"(E_[A-Z_]+)"`)
	found := map[string]bool{}
	var files []string
	for _, dir := range []string{"table", "ingest", "ingest/inbox", "ingest/files"} {
		some, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil || len(some) == 0 {
			t.Fatal(dir, err)
		}
		files = append(files, some...)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			if strings.HasPrefix(l, "\t\"E_") || strings.Contains(l, "Codes = ") { // the lists themselves
				continue
			}
			for _, m := range code.FindAllStringSubmatch(l, -1) {
				found[m[1]] = true
			}
		}
	}
	explained := map[string]bool{}
	b, err := os.ReadFile("codes.md")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		cells := strings.Split(l, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range regexp.MustCompile("`(E_[A-Z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			explained[m[1]] = true
		}
	}
	for _, c := range ingest.WarningCodes {
		if !strings.Contains(string(b), "\n| `"+c+"` |") {
			t.Errorf("docs/codes.md does not explain %s", c)
		}
	}
	listed := map[string]bool{}
	for _, c := range slices.Concat(ingest.RowCodes, ingest.FileCodes) {
		listed[c] = true
	}
	if d := cmp.Diff(found, explained); d != "" {
		t.Errorf("docs/codes.md (-in the code +explained)\n%s", d)
	}
	if d := cmp.Diff(found, listed); d != "" {
		t.Errorf("RowCodes and FileCodes (-in the code +listed)\n%s", d)
	}
}
