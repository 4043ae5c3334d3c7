package docs

import (
	"bytes"
	"os"
	"testing"
)

// The systems that are named are those whose lists are read in tests.
func TestIntakeNamesTheSystems(t *testing.T) {
	was, err := os.ReadFile("intake.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Intake("..", was)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(was, want) {
		t.Error("docs/intake.md is not what table/testdata/exports says; run make generate")
	}
}
