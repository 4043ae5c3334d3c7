package files

import (
	"errors"
	"os"
	"testing"
)

func TestARenameOverwritesNothing(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, content := range map[string]string{"a": "a", "b": "b"} {
		if err := root.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RenameIfFree(root, "a", "b"); !errors.Is(err, os.ErrExist) {
		t.Errorf("onto another file: %v", err)
	}
	if err := RenameIfFree(root, "a", "c"); err != nil {
		t.Errorf("to a free name: %v", err)
	}
	for name, want := range map[string]string{"b": "b", "c": "a"} {
		if b, err := root.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}
}
