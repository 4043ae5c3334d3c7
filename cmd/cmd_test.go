package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run executes one command line in a folder of its own.
func run(t *testing.T, files map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), Main{Version: "v-test"}, args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestCommandLines(t *testing.T) {
	good, bad := "email\na@example.org\n", "email\nnobody\n"
	for name, tc := range map[string]struct {
		files map[string]string
		args  string
		code  int
		out   string // in stdout
		errs  string // in stderr
	}{
		"no command":             {nil, "", 0, "Usage: usher", ""},
		"help":                   {nil, "up --help", 0, "--console-addr", ""},
		"version":                {nil, "version", 0, "v-test", ""},
		"unknown command":        {nil, "dance", 2, "", "dance"},
		"unknown flag":           {nil, "up --colour", 2, "", "--colour"},
		"bad value":              {nil, "up --log-level loud", 2, "", "--log-level"},
		"unknown key":            {map[string]string{"usher.yaml": "consol-addr: x\n"}, "version", 2, "", "unknown key consol-addr"},
		"broken settings":        {map[string]string{"usher.yaml": "a: [\n"}, "version", 2, "", "settings file"},
		"no servers inside":      {nil, "up --ops-addr 127.0.0.1:0", 1, "", "built without servers"},
		"rules of no inbox":      {map[string]string{"usher.yaml": "region: [DE, hr=Germany]\nmax-refused: {crm: 5}\ninbox: {hr: d}\n"}, "up", 1, "", "GERMANY"},
		"rule for no inbox":      {map[string]string{"usher.yaml": "max-refused: {crm: 5}\n"}, "up", 1, "", `there is no inbox "crm"`},
		"bad rule of a check":    {nil, "check --max-rows few x.csv", 2, "", `--max-rows: "few"`},
		"bad inbox name":         {nil, "up --inbox HR=x", 1, "", `source "HR"`},
		"reserved inbox name":    {nil, "up --inbox cli=x", 1, "", "taken by usher itself"},
		"two secrets":            {nil, "up --id-key x --id-key-file y", 1, "", "give one of them"},
		"role without a key":     {nil, "watch --nats-url nats://127.0.0.1:1 --ops-addr 127.0.0.1:0", 1, "", "--id-key"},
		"port in use":            {nil, "up --ops-addr 300.0.0.1:1", 1, "", "--ops-addr"},
		"check":                  {map[string]string{"a.csv": good}, "check a.csv", 0, "1 published", ""},
		"check with a bad row":   {map[string]string{"a.csv": bad}, "check a.csv", 1, "E_EMAIL_SYNTAX", "1 of 1 files"},
		"check as JSON":          {map[string]string{"a.csv": good}, "check --json a.csv", 0, `"published":1`, ""},
		"check with rows":        {map[string]string{"a.csv": good, "id.key": "0123456789abcdef0123456789abcdef"}, "check --rows 1 --id-key-file id.key a.csv", 0, `{"user_id":"`, "1 published"},
		"check with skipped row": {map[string]string{"a.csv": good}, "check --skip inbox=email=x@example.org --strict all a.csv", 0, "1 published", ""},
		"check with odd skip":    {map[string]string{"a.csv": good}, "check --skip Status a.csv", 2, "", "--skip"},
		"check nothing":          {nil, "check none.csv", 1, "", "none.csv"},
		"verify without verdict": {nil, "verify u-1", 2, "", "--approve or --reject"},
		"reject without reason":  {nil, "verify u-1 --reject", 2, "", "--reason"},
		"both verdicts":          {nil, "verify u-1 --approve --reject", 2, "", "can't be used together"},
		"verify a bad id":        {nil, "verify u*1 --approve", 2, "", "not a usable user_id"},
		"withdraw nobody":        {nil, "withdraw", 2, "", "name at least one user"},
		"resend to nobody":       {nil, "resend", 2, "", "--status"},
		"resend to the rejected": {nil, "resend --status rejected", 2, "", "nothing was sent"},
		"resend for no reason":   {nil, "resend --failed-for bad_luck", 2, "", "no such reason"},
		"resend twice filtered":  {nil, "resend u-1 --failed-for refused", 2, "", "--failed-for"},
		"resend since":           {nil, "resend u-1 --since 1h", 2, "", "--since"},
		"resend by pigeon":       {nil, "resend u-1 --channel pigeon", 2, "", "email"},
		"reopen a bad id":        {nil, "reopen u*1", 2, "", "not a usable user_id"},
		"forget a bad id":        {nil, "forget u*1", 2, "", "not a usable user_id"},
		"nobody runs":            {nil, "verify u-1 --approve", 1, "", "no usher is running"},
		"a killed usher":         {map[string]string{"usher-data/usher.json": `{"pid":999999999}`}, "status u-1", 1, "", "is gone"},
		"an import in work": {map[string]string{
			"usher-data/inbox/.usher/3MZnevgyHol13QoOcj8z6OAumkm/big.csv":        good,
			"usher-data/inbox/.usher/3MZnevgyHol13QoOcj8z6OAumkm/.progress.json": `{"state":"publishing","rows":100,"record":25,"percent":25,"rate":10,"left_seconds":7.5}`,
		}, "status big.csv", 0, "big.csv: publishing 25 %, 25 of 100 rows, 10 rows/s, 8s left", ""},
		"a file that waits":    {map[string]string{"usher-data/inbox/.usher/owner": "", "usher-data/inbox/late.csv": good}, "status late.csv", 0, "late.csv: in the inbox: a program may still be writing it", ""},
		"a file on its way":    {map[string]string{"usher-data/inbox/.usher/owner": "", "usher-data/inbox/a.csv.part": good}, "status a.csv.part", 0, "its name says that it is on its way", ""},
		"redrop":               {map[string]string{"a.csv": good, "usher-data/inbox/.keep": ""}, "redrop a.csv", 0, "see `usher status ", ""},
		"redrop without inbox": {map[string]string{"a.csv": good}, "redrop a.csv", 1, "", "the inbox cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, tc.files, strings.Fields(tc.args)...)
			if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, tc.code, out, errs)
			}
		})
	}
}

// Flags come before the environment, that before the file, that before defaults.
func TestOrderOfSettings(t *testing.T) {
	file := map[string]string{"usher.yaml": "log-level: loud\nlog-format: odd\nops-addr: '127.0.0.1:0'\n"}
	if code, _, errs := run(t, file, "up"); code != 2 || !strings.Contains(errs, "--log-") {
		t.Errorf("the file is not read: %d %s", code, errs)
	}
	t.Setenv("USHER_LOG_LEVEL", "warn")
	if code, _, errs := run(t, file, "up"); code != 2 || !strings.Contains(errs, "--log-format") {
		t.Errorf("the environment does not come before the file: %d %s", code, errs)
	}
	t.Setenv("USHER_LOG_FORMAT", "odd")
	if code, _, errs := run(t, file, "up", "--log-format", "json"); code != 1 || !strings.Contains(errs, "built without servers") {
		t.Errorf("flags do not come before the environment: %d %s", code, errs)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Setenv("USHER_SMTP_PASSWORD", "hunter2hunter2")
	t.Setenv("USHER_ID_KEY", "hunter2")
	for _, args := range [][]string{{"up", "--help"}, {"up", "--ops-addr", "127.0.0.1:0"}, {"up", "--log-level", "x"}} {
		if _, out, errs := run(t, nil, args...); strings.Contains(out+errs, "hunter2") {
			t.Errorf("%v prints a secret:\n%s%s", args, out, errs)
		}
	}
}
