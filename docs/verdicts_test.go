package docs

import (
	"bytes"
	"os"
	"testing"
)

// The tables of delivery.md are those of the code.
func TestTheVerdictsAreThoseOfTheCode(t *testing.T) {
	was, err := os.ReadFile("delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	if now, err := Delivery(was); err != nil || !bytes.Equal(was, now) {
		t.Errorf("docs/delivery.md is out of date, run make generate: %v", err)
	}
}
