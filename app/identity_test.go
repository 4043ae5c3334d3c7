package app

import (
	"os"
	"path/filepath"
	"testing"

	"usher/event"
)

func TestAProcessIsNamedByItsFolderAndStart(t *testing.T) {
	dir := t.TempDir()
	var first event.Process
	for start := uint64(1); start <= 3; start++ {
		p, release, err := identify(dir)
		if err != nil || p.ID == "" || p.Start != start {
			t.Fatal(p, err)
		}
		if start == 1 {
			first = p
		}
		if p.ID != first.ID {
			t.Errorf("start %d has another id", start)
		}
		beside, end, err := identify(dir) // while the first one lives, or is frozen
		if err != nil || beside.ID == p.ID {
			t.Errorf("two processes at once have one name: %v, %v", beside, err)
		}
		end()
		release()
	}
	for name, content := range map[string]string{"torn": `{"id":`, "odd": `{"id":"a b","start":7}`} {
		if err := os.WriteFile(filepath.Join(dir, processFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, release, err := identify(dir); err == nil || p.ID == "" || p.ID == first.ID {
			t.Errorf("%s: %v, %v", name, p, err)
		} else {
			release()
		}
	}
	if p, release, err := identify(filepath.Join(dir, "none")); err == nil || p.ID == "" {
		t.Errorf("without a folder: %v, %v", p, err)
	} else {
		release()
	}
}
