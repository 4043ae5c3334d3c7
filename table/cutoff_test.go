package table

import (
	"strings"
	"testing"
)

// An archive without a file in it is whole.
func TestCutOff(t *testing.T) {
	for content, want := range map[string]bool{
		"email\na@x.org\n": false, "email\r\na@x.org\r\n": false, "email\na@x.org": true, "email\na@x": true, "[{}]": false, "{}\n{}": false, "{}\n{\"a\":": true,
		"[]": false, "PK\x05\x06of an empty ZIP": false, "PK\x03\x04data": true, "PK\x03\x04data PK\x05\x06 end": false, "\x1f\x8b\x08data": false, "\x00\x00\x00\x00\x00\x00": true, "x": true,
	} {
		if got := CutOff(strings.NewReader(content), int64(len(content))); got != want {
			t.Errorf("%q: %v", content, got)
		}
	}
}
