package cmd

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// What is wrong with a file is told all at once, each at its line.
func TestConfigCheck(t *testing.T) {
	file := `data: /srv/usher
consol-addr: 127.0.0.1:1
log-level: loud
retry-first: 2
expire-after: -3h
inbox:
  HR: x
smtp-password: hunter2
smtp-password-file: f
data: y
replicas: three
wait: 3s
max-store: much
console-url: usher.example.org/base
trusted-proxies: [127.0.0.1, proxy.example.org]
oidc-issuer: http://id.example.org
group-role: ["boss=g", "verifier:hr=CN=hr,DC=example"]
no-local-accounts: true
console-password-file: f
oidc-session: 13h
`
	code, out, errs := run(t, map[string]string{"a.yaml": file}, "config", "check", "a.yaml")
	want := []string{
		"a.yaml:2: unknown key consol-addr; did you mean console-addr?",
		`a.yaml:3: --log-level must be one of "debug","info","warn","error"`,
		"a.yaml:4: --retry-first: expected duration",
		"a.yaml:5: --expire-after: must not be negative",
		`a.yaml:6: --inbox: source "HR"`,
		"a.yaml:8: --smtp-password and --smtp-password-file: give one of them",
		"a.yaml:10: data stands at line 1 already",
		"a.yaml:11: --replicas: ",
		"a.yaml:13: --max-store: ",
		"a.yaml:14: --console-url: it begins with https:// and the host, such as https://usher.example.org/",
		`a.yaml:15: --trusted-proxies: "proxy.example.org" is no address; give one such as 127.0.0.1, or a network such as 10.0.0.0/8`,
		"a.yaml:16: --oidc-issuer: what it says would cross the network in clear",
		`a.yaml:17: --group-role "boss=g": there is no role "boss"`,
		"a.yaml:18: --no-local-accounts: a password would open nothing",
		"a.yaml:20: --oidc-session: must be from 1m to 12h",
		"15 of 19 settings are wrong",
	}
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	if code != 1 || out != "" || len(lines) != len(want) {
		t.Fatalf("exit code %d, stdout %q, stderr:\n%s", code, out, errs)
	}
	for i, w := range want {
		if !strings.Contains(lines[i], w) {
			t.Errorf("line %d is %q, want %q", i+1, lines[i], w)
		}
	}
	if strings.Contains(errs, "hunter2") {
		t.Errorf("a secret is printed:\n%s", errs)
	}
	for name, tc := range map[string]struct {
		text string
		code int
		says string
	}{
		"empty":     {"", 0, "0 settings"},
		"comments":  {"# nothing\n", 0, "0 settings"},
		"groups":    {"oidc-issuer: https://id.example.org\nconsole-url: https://usher.example.org/\ngroup-role: [\"verifier:hr=CN=hr,DC=example\", admin=bosses]\n", 0, "3 settings"},
		"no groups": {"oidc-issuer: https://id.example.org\n", 1, "--console-url"},
		"a proxy":   {"trusted-header: X-Remote-User\ntrusted-header-from: [10.0.0.1]\ngroup-role: admin=bosses\nno-local-accounts: true\n", 0, "4 settings"},
		"anyone":    {"trusted-header: X-Remote-User\ntrusted-header-from: [0.0.0.0/0]\ngroup-role: admin=bosses\n", 1, "is everyone"},
		"nowhere":   {"trusted-header: X-Remote-User\ngroup-role: admin=bosses\n", 1, "--trusted-header-from"},
		"a cookie":  {"trusted-header: cookie\ntrusted-header-from: [10.0.0.1]\ngroup-role: admin=bosses\n", 1, "clients send Cookie themselves"},
		"no one":    {"no-local-accounts: true\n", 1, "then no one could sign in"},
		"good":      {"ops-addr: 127.0.0.1:0\nregion: [DE, hr=AT]\ninbox: {hr: /x}\nexpire-inbox: {hr: 48h}\n", 0, "4 settings"},
		"no YAML":   {"a: 1\nb: [\n", 1, "b.yaml:2: it is no YAML"},
		"a list":    {"- a\n", 1, "b.yaml:1: it must be"},
		"not there": {"", 1, "none.yaml"},
	} {
		path := "b.yaml"
		if name == "not there" {
			path = "none.yaml"
		}
		code, out, errs := run(t, map[string]string{"b.yaml": tc.text}, "config", "check", path)
		if code != tc.code || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%s: exit code %d\n%s%s", name, code, out, errs)
		}
	}
}

// What is printed is a settings file again, with the same settings.
func TestConfigPrint(t *testing.T) {
	t.Setenv("USHER_ID_KEY", "hunter2")
	t.Setenv("USHER_RETRY_FIRST", "7s")
	file := map[string]string{"usher.yaml": "replicas: 3\nretry-first: 5s\nregion: [DE, hr=AT]\ninbox: {hr: /srv/hr}\nexpire-inbox: {hr: 48h}\n"}
	code, out, errs := run(t, file, "config", "print", "--effective", "--ops-addr", "127.0.0.1:1")
	if code != 0 || strings.Contains(out+errs, "hunter2") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{
		"replicas: 3\n", "retry-first: 7s\n", `ops-addr: "127.0.0.1:1"`, `region: ["DE","hr=AT"]`, `inbox: {"hr":"/srv/hr"}`, `expire-inbox: {"hr":"48h0m0s"}`,
		"# id-key: set, and not shown\n", "max-store: 0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	if _, again, _ := run(t, map[string]string{"usher.yaml": out}, "config", "print"); again != out {
		t.Errorf("read again it is other settings:\n%s", again)
	}
	if code, checked, errs := run(t, map[string]string{"mine.yaml": out}, "config", "check", "mine.yaml"); code != 0 {
		t.Errorf("the check refuses it: %s%s", checked, errs)
	}
}

// The example, the schema and the loader agree: the example is good for both, and
// what the schema refuses the loader refuses too.
func TestSettingsSchemaAndLoaderAgree(t *testing.T) {
	_, example, _ := run(t, nil, "config", "print", "--defaults")
	_, text, _ := run(t, nil, "config", "print", "--schema")
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("settings.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("settings.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		example: true, "ops-addr: 127.0.0.1:0": true, "retry-first: 3s": true, "canary: 0": true, "max-store: 6GB": true, "max-store: 6000": true,
		"region: DE": true, "region: [DE, hr=AT]\ninbox: {hr: /x}": true, "max-refused: {crm: 5}\ninbox: {crm: /x}": true, "pprof: true": true, "inbox: {hr: /x}": true,
		"expire-inbox: {hr: 48h}": true, "replicas: 3": true, "consol-addr: x": false, "log-level: loud": false, "retry-first: soon": false,
		"max-store: much": false, "replicas: three": false, "pprof: perhaps": false, "expire-inbox: {hr: soon}": false,
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		code, _, errs := run(t, map[string]string{"a.yaml": text}, "config", "check", "a.yaml")
		if err := schema.Validate(value); (err == nil) != good || (code == 0) != good {
			t.Errorf("%.60s: the schema says %v, the loader %d %s", text, err, code, errs)
		}
	}
}

// Every setting has its words, and belongs to a command.
func TestSettings(t *testing.T) {
	settings, err := Settings()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range settings {
		switch {
		case seen[s.Key]:
			t.Errorf("%s stands there twice", s.Key)
		case s.Help == "" || s.Env == "" || groupTitles[s.Group] == "" || len(s.Roles) == 0:
			t.Errorf("%s lacks something: %+v", s.Key, s)
		}
		seen[s.Key] = true
	}
	for file, want := range map[string]string{
		"../docs/examples/usher.yaml": ExampleSettings(settings), "../docs/schemas/settings.v1.json": SettingsSchema(settings),
	} {
		if b, err := os.ReadFile(file); err != nil || string(b) != want {
			t.Errorf("%s is not what the code says (%v): run make generate", file, err)
		}
	}
	if b, err := os.ReadFile("../docs/settings.md"); err != nil || !strings.HasSuffix(string(b), SettingsTable(settings)) {
		t.Errorf("docs/settings.md is not what the code says (%v): run make generate", err)
	}
}
