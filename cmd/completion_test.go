package cmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestMain is usher's command line when a shell of a test asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("USHER_TEST_IS_USHER") != "" {
		os.Exit(Run(context.Background(), Main{Version: "test"}, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func completed(t *testing.T, words ...string) (found []string, files bool) {
	t.Helper()
	var out, words2 bytes.Buffer
	if code := Run(t.Context(), Main{}, append([]string{askComplete}, words...), strings.NewReader(""), &out, &words2); code != exitDone {
		t.Fatalf("exit code %d: %s", code, words2.String())
	}
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimRight(line, "\n"); line == completeFiles {
			files = true
			continue
		}
		word, _, _ := strings.Cut(line, "\t")
		found = append(found, word)
	}
	return found, files
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"docto":                     "doctor",
		"doctor --wai":              "--wait",
		"doctor b":                  "bundle",
		"doctor bundle --pro":       "--probe --providers --provider-limit",
		"doctor --role w":           "watch worker",
		"worker --smtp-tls st":      "starttls",
		"worker --smtp-tls=st":      "--smtp-tls=starttls",
		"worker --smtp-tls = st":    "starttls",
		"worker --smtp-tls = ":      "none starttls tls",
		"up --pprof --log-f":        "--log-format",
		"up --data d --log-f":       "--log-format",
		"up --data ":                "FILES",
		"doctor --from ":            "FILES",
		"check ":                    "FILES",
		"check a.csv ":              "FILES",
		"deadletters re":            "replay",
		"completion ":               "bash zsh fish",
		"suppress a":                "add",
		"verify u-1 ":               "",
		"worker --no-such-flag=":    "",
		"verify u-1 --rea":          "--reason",
		"no such command --log-for": "",
		"notify test --to a --dr":   "--dry-run",
	} {
		got, files := completed(t, strings.Split(line, " ")...)
		if files {
			got = append(got, "FILES")
		}
		wanted := strings.Fields(want)
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%q: %q, want %q", line, got, wanted)
		}
	}
	if all, _ := completed(t); !slices.Contains(all, "up") || !slices.Contains(all, "doctor") || slices.Contains(all, askComplete) {
		t.Errorf("without a word: %q", all)
	}
}

// Whatever is wrong with the settings, a line can be completed.
func TestCompletionWithBrokenSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("usher.yaml", []byte("no-such-key: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("USHER_EXPIRE_AFTER", "soon")
	if got, _ := completed(t, "docto"); !slices.Equal(got, []string{"doctor"}) {
		t.Errorf("got %q", got)
	}
}

// Real shells complete with the scripts.
func TestShellsComplete(t *testing.T) {
	dir := t.TempDir()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "usher"), fmt.Appendf(nil, "#!/bin/sh\nUSHER_TEST_IS_USHER=1 exec '%s' \"$@\"\n", self), 0o700); err != nil {
		t.Fatal(err)
	}
	const ends = "printf '%s\\n' \"${COMPREPLY[@]}\""
	for shell, try := range map[string]struct {
		args []string // before the script's way of asking
		ask  map[string]string
	}{
		"bash": {[]string{"--norc", "--noprofile", "-c"}, map[string]string{
			"COMP_WORDS=(usher doctor --rol); COMP_CWORD=2; _usher; " + ends:           "--role",
			"COMP_WORDS=(usher worker --smtp-tls = st); COMP_CWORD=4; _usher; " + ends: "starttls",
			"COMP_WORDS=(usher ''); COMP_CWORD=1; _usher; " + ends:                     "deadletters",
			"complete -p usher": "complete -F _usher usher",
		}},
		"zsh": {[]string{"-f", "-c"}, map[string]string{
			"words=(usher doctor --rol); CURRENT=3; _usher": "--role:Roles that run with these settings; without it all: watch, bridge, worker, console",
			"words=(usher ''); CURRENT=2; _usher":           "deadletters:List, show and send again what could not be used",
			"words=(usher check ''); CURRENT=3; _usher":     "the shell's own files",
		}},
		"fish": {[]string{"--no-config", "-c"}, map[string]string{
			"complete -C 'usher doctor --rol'":         "--role\t",
			"complete -C 'usher '":                     "deadletters\t",
			"complete -C 'usher worker --smtp-tls=st'": "--smtp-tls=starttls",
			"complete -C 'usher check " + dir + "/'":   "/usher",
		}},
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skipf("needs %s: apt-get install %s", shell, shell)
			}
			script := filepath.Join(dir, "script."+shell)
			if err := os.WriteFile(script, []byte(completionScripts[shell]), 0o600); err != nil {
				t.Fatal(err)
			}
			before := "source " + script + "\n"
			if shell == "zsh" { // what only a line editor has
				before = "compdef() { :; }; _files() { print \"the shell's own files\"; }; _describe() { local n=$2; print -l -- \"${(@P)n}\"; }\n" + before
			}
			for ask, want := range try.ask {
				c := exec.CommandContext(t.Context(), shell, append(try.args, before+ask)...)
				c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
				out, err := c.CombinedOutput()
				if err != nil || !strings.Contains(string(out), want) {
					t.Errorf("%s: %v\n%s, want %q", ask, err, out, want)
				}
			}
		})
	}
}

// The manual page names every command, flag and setting, and mandoc finds nothing wrong.
func TestManPage(t *testing.T) {
	var out bytes.Buffer
	if code := Run(t.Context(), Main{Version: "1.2.3-rc"}, []string{"man"}, strings.NewReader(""), &out, &out); code != exitDone {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	page := out.String()
	app, err := kong.New(&cli{}, kong.Name("usher"), kong.DefaultEnvars("USHER"))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		for _, c := range n.Children {
			if len(c.Children) == 0 && !strings.Contains(page, "\n.SS "+roff(path+" "+c.Name)) {
				t.Errorf("the page lacks %s %s", path, c.Name)
			}
			for _, f := range c.Flags {
				if !f.Hidden && f.Name != "help" && f.Name != "config" && !strings.Contains(page, roff("--"+f.Name)) {
					t.Errorf("the page lacks --%s of %s", f.Name, c.Name)
				}
			}
			walk(c, path+" "+c.Name)
		}
	}
	walk(app.Model.Node, "usher")
	if _, err := exec.LookPath("mandoc"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs mandoc: apt-get install mandoc")
	}
	file := filepath.Join(t.TempDir(), "usher.1")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	said, _ := exec.Command("mandoc", "-T", "lint", file).CombinedOutput() // its exit code is that of the worst
	for line := range strings.Lines(string(said)) {
		if !strings.Contains(line, "input text line longer than 80 bytes") && !strings.Contains(line, "missing date") && !strings.Contains(line, "referenced manual not found") {
			t.Error(line)
		}
	}
}
