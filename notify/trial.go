package notify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"usher/event"
)

// mask stands for a secret that is shown to people.
const mask = "********"

// Exchange is what would be said to a provider, for people to read.
type Exchange struct {
	Provider string
	Request  string // secrets are masked
}

// Describe says what Send would say to each provider of the channel, in their
// order, without saying it. The ledger is not asked.
func (s *Sender) Describe(r Request) ([]Exchange, error) {
	m, _, err := s.compose(r, event.Send{})
	if err != nil {
		return nil, plainTemplate(err)
	}
	if !s.allowed.has(m.to) {
		return nil, fmt.Errorf("%s: the allow-list of this system does not have the recipient", ReasonNotAllowed)
	}
	var out []Exchange
	for _, p := range s.channels[r.Channel] {
		text, err := p.describe(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		out = append(out, Exchange{p.name, text})
	}
	return out, nil
}

// Segments is how many text messages r is charged as; 0 when it is none.
func (s *Sender) Segments(r Request) int {
	m, _, err := s.compose(r, event.Send{})
	if err != nil || r.Channel != event.ChannelSMS {
		return 0
	}
	return CountSegments(m.content.sms).Count
}

func (t *smtpTransport) describe(m message) (string, error) {
	rcpt, utf8, err := envelopeAddress(m.to)
	if err != nil {
		return "", err
	}
	body, err := t.build(m)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "connect to %s, TLS: %s\nEHLO %s\n", t.Addr, t.TLS, cmp.Or(t.Helo, fullHostname(), "[the address of this end]"))
	if t.Username != "" {
		fmt.Fprintf(&b, "AUTH as %s with the %s %s\n", t.Username, map[bool]string{true: "token", false: "password"}[t.tokens != nil], mask)
	}
	fmt.Fprintf(&b, "MAIL FROM:<%s>%s\nRCPT TO:<%s>\nDATA\n%s.\n", t.from.Address, map[bool]string{true: " SMTPUTF8"}[utf8], rcpt, bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
	return b.String(), nil
}

// secretHeader are headers that are likely to hold a secret.
var secretHeader = regexp.MustCompile(`(?i)auth|key|token|secret|signature|password`)

func (t *httpTransport) describe(m message) (string, error) {
	masked := *t
	if masked.Secret != "" {
		masked.Secret = mask
	}
	r, err := masked.request(m)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.method, r.url)
	for _, k := range slices.Sorted(maps.Keys(r.header)) {
		v := r.header.Get(k)
		if secretHeader.MatchString(k) && !strings.EqualFold(k, "Idempotency-Key") {
			v = mask
		}
		fmt.Fprintf(&b, "%s: %s\n", k, v)
	}
	fmt.Fprintf(&b, "\n%s\n", cmp.Or(r.body, "(no body)"))
	return b.String(), nil
}

// Said hears in a provider's own words why it does not take a message. They may quote
// names and addresses, so they are for the operator who tries one, and for no log. Nil
// hears nothing. It may be called from several goroutines.
type Said func(words string)

// mostWords bounds what is told of an answer, in bytes.
const mostWords = 2000

func (s Said) hear(format string, args ...any) {
	if s == nil {
		return
	}
	words := strings.TrimSpace(fmt.Sprintf(format, args...))
	s(strings.ToValidUTF8(words[:min(len(words), mostWords)], "\ufffd"))
}

// masked is what a service answered, without the secret if it echoes that.
func (t *httpTransport) masked(body []byte) []byte {
	if t.Secret == "" {
		return body
	}
	return bytes.ReplaceAll(body, []byte(t.Secret), []byte(mask))
}

// forgetful is a ledger that forgets, for a message that belongs to no user.
type forgetful struct {
	mu    sync.Mutex
	entry event.Send
}

// UpdateSend implements Ledger.
func (t *forgetful) UpdateSend(_ context.Context, _, _ string, change func(*event.Send) error) (event.Send, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry
	if err := change(&e); err != nil {
		return t.entry, err
	}
	t.entry = e
	return e, nil
}
