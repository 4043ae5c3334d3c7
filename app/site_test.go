package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What finds a running console by usher.json reaches it under its path on this machine,
// and gives people the address that they open.
func TestTheConsoleIsFoundUnderItsPath(t *testing.T) {
	for url, want := range map[string][3]string{ // on this machine, for people, and in the file
		"":                                {"http://127.0.0.1:8080", "http://127.0.0.1:8080", `"console"`},
		"https://usher.example.org/base/": {"http://127.0.0.1:8080/base", "https://usher.example.org/base/", `"console_path":"/base","console_url":"https://usher.example.org/base/"`},
		"https://usher.example.org":       {"http://127.0.0.1:8080", "https://usher.example.org", `"console_url":"https://usher.example.org"`},
	} {
		p := &process{Config: Config{Site: Site{url}}}
		p.addr = Addresses{Console: "127.0.0.1:8080", ConsolePath: p.basePath(), ConsoleURL: url, PID: os.Getpid()}
		data := t.TempDir()
		if err := p.addr.write(data); err != nil {
			t.Fatal(err)
		}
		a, err := FindRunning(data)
		if err != nil || a.Local() != want[0] || a.Home() != want[1] || p.local() != want[0] {
			t.Errorf("%q: %s, %s, %s: %v", url, a.Local(), a.Home(), p.local(), err)
		}
		b, err := os.ReadFile(filepath.Join(data, addressFile))
		if err != nil {
			t.Fatal(err)
		}
		if in := strings.NewReplacer(" ", "", "\n", "").Replace(string(b)); !strings.Contains(in, want[2]) {
			t.Errorf("%q: the file is %s", url, b)
		}
	}
	p := &process{}
	p.addr = Addresses{Console: "0.0.0.0:8080", ConsolePath: "/base"}
	if got, want := p.local(), "http://127.0.0.1:8080/base"; got != want {
		t.Errorf("bound to every address: %s, want %s", got, want)
	}
}
