package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/console"
)

// The console offers the reasons of the deployment, and links to the pages of Temporal
// that it knows.
func TestWhatTheDeskIsTold(t *testing.T) {
	var p process
	p.TemporalNamespace = "default"
	if got, err := p.rejectReasons(); got != nil || err != nil {
		t.Errorf("without a file: %v %v", got, err)
	}
	p.RejectReasons = filepath.Join(t.TempDir(), "reasons")
	if _, err := p.rejectReasons(); err == nil || !strings.HasPrefix(err.Error(), "--reject-reasons: the file cannot be read: ") {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(p.RejectReasons, []byte("gone = Is gone\nleft\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.rejectReasons(); err == nil || !strings.HasPrefix(err.Error(), "--reject-reasons: "+p.RejectReasons+": line 2: ") {
		t.Errorf("a line without words: %v", err)
	}
	if err := os.WriteFile(p.RejectReasons, []byte("gone = Is gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := p.rejectReasons(); err != nil || len(got) != 1 || got[0] != (console.Reason{Code: "gone", Words: "Is gone"}) {
		t.Errorf("%v %v", got, err)
	}

	if got := p.temporalUI(); got != "" {
		t.Errorf("without pages of Temporal: %s", got)
	}
	p.addr.TemporalUI = "127.0.0.1:8233"
	if got := p.temporalUI(); got != "http://127.0.0.1:8233/namespaces/default" {
		t.Errorf("with the embedded ones: %s", got)
	}
	p.TemporalUIOrigin = "https://temporal.example"
	if got := p.temporalUI(); got != "https://temporal.example/namespaces/default" {
		t.Errorf("with those of elsewhere: %s", got)
	}
}
