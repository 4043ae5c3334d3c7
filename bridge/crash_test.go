package bridge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the runtime said of a message goes, and that the process crashed stays, for
// the count of deaths.
func TestBlankCrashes(t *testing.T) {
	for _, tc := range []struct {
		said    string
		crashed bool
	}{{"panic: ann@example.org\n\ngoroutine 1", true}, {"SIGQUIT: quit\nann@example.org", false}, {"", false}} {
		dir := t.TempDir()
		dead(t, dir, tc.said)
		path := filepath.Join(dir, "1", crashFile)
		if err := BlankCrashes(dir); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(b), "ann@") {
			t.Errorf("%q leaves %q, %v", tc.said, b, err)
		}
		h := &hands{dir: filepath.Dir(path)}
		if got, err := h.crashed(); got != tc.crashed || err != nil {
			t.Errorf("%q counts as a crash: %v, %v", tc.said, got, err)
		}
	}
	if err := BlankCrashes(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}
