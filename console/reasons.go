package console

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"usher/event"
)

// Reason is one that a verifier may give for a rejection: a code for programs and
// statistics, and words for people.
type Reason struct{ Code, Words string }

// DefaultReasons are those of a deployment that sets none.
func DefaultReasons() []Reason {
	return []Reason{
		{"left", "Has left"},
		{"unknown", "Not known here"},
		{"duplicate", "Is there already under another id"},
		{"wrong_data", "The data are wrong"},
		{"not_entitled", "Is not entitled"},
	}
}

// mostReasons fit into a list that a person reads.
const mostReasons = 50

// ReadReasons reads lines of the form `code = words`; a line that is empty or begins
// with # says nothing. The error names the line.
func ReadReasons(from io.Reader) ([]Reason, error) {
	var out []Reason
	seen := map[string]bool{}
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		code, words, _ := strings.Cut(line, "=")
		code, words = strings.TrimSpace(code), strings.TrimSpace(words)
		switch {
		case code == "" || words == "":
			return nil, fmt.Errorf("line %d: write a reason as CODE = WORDS, such as: left = Has left", n)
		case len(code) > 60 || strings.ContainsFunc(code, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_-", r) }):
			return nil, fmt.Errorf("line %d: a code has lower-case letters, digits, _ and - only, 60 at most", n)
		case len(words) > 200:
			return nil, fmt.Errorf("line %d: the words of a reason have 200 bytes at most", n)
		case seen[code]:
			return nil, fmt.Errorf("line %d: the code %s is there twice", n, code)
		}
		seen[code] = true
		out = append(out, Reason{code, words})
	}
	switch err := lines.Err(); {
	case err != nil:
		return nil, err
	case len(out) == 0:
		return nil, fmt.Errorf("there is no reason in it; write one a line as CODE = WORDS")
	case len(out) > mostReasons:
		return nil, fmt.Errorf("it has %d reasons, and a person reads %d at most", len(out), mostReasons)
	}
	return out, nil
}

// spoken is the body of the console's own verifications: with a note and how the actor
// signed in, which other senders have no field for.
type spoken struct {
	event.VerificationBody
	Note string `json:"note,omitempty"`
	Via  string `json:"via,omitempty"`  // how the actor signed in: one of ways
	Bulk string `json:"bulk,omitempty"` // the operation that the decision is part of

	keyed bool // the id is of a key, not of what the event says
}

// parseSpoken reads the body of any verification. A note that is no text is left out:
// nothing depends on it.
func parseSpoken(data []byte) (b spoken, err error) {
	if b.VerificationBody, err = event.ParseVerificationBody(data); err != nil {
		return b, err
	}
	var more struct {
		Note string `json:"note"`
		Via  string `json:"via"`
		Bulk string `json:"bulk"`
	}
	if json.Unmarshal(data, &more) == nil {
		b.Note, b.Bulk = short(more.Note), more.Bulk
		if slices.Contains(ways, more.Via) {
			b.Via = more.Via
		}
	}
	return b, nil
}

// short cuts a note to as many bytes as a reason has.
func short(s string) string {
	if len(s) > event.MaxReason {
		s = strings.ToValidUTF8(s[:event.MaxReason], "")
	}
	return s
}

// withWords puts the words of a known code of a rejection or a delivery behind it.
func (k *Console) withWords(reason string) string {
	for _, r := range k.RejectReasons {
		if r.Code == reason {
			return reason + " (" + r.Words + ")"
		}
	}
	if words := event.Explain(reason); words != reason {
		return reason + " (" + words + ")"
	}
	return reason
}
