package docs

import (
	"bytes"
	"os"
	"testing"
)

// The systems that are named are those whose lists are read in tests.
func TestSystemsAreThoseOfTheTests(t *testing.T) {
	was, err := os.ReadFile("systems.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Systems("..", was)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(was, want) {
		t.Error("docs/systems.md is not what table/testdata/exports says; run make generate")
	}
}
