package event

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is one entry of the send ledger with what its key says.
type Message struct {
	Generation int    `json:"generation"`
	Purpose    string `json:"purpose"`
	Channel    string `json:"channel"`
	Ordinal    int    `json:"ordinal"` // 1, and one more each time an operator asks for it again
	Over       bool   `json:"over"`    // it is not tried any more
	Send
}

// SendKey is the ledger's key of a message: the same one each time it is tried.
// ordinal is 1, and one more each time an operator asks for it to be sent again.
func SendKey(generation int, purpose, channel string, ordinal int) string {
	return fmt.Sprintf("%d.%s.%s.%d", generation, purpose, channel, ordinal)
}

// ParseSendKey is a message with what its SendKey says and nothing else; ok is false for
// what is no such key.
func ParseSendKey(key string) (m Message, ok bool) {
	part := strings.Split(key, ".")
	if len(part) != 4 {
		return m, false
	}
	m.Purpose, m.Channel = part[1], part[2]
	m.Generation, _ = strconv.Atoi(part[0]) // 0 is written otherwise than it was read
	m.Ordinal, _ = strconv.Atoi(part[3])
	return m, SendKey(m.Generation, m.Purpose, m.Channel, m.Ordinal) == key
}

// Messages lists what the ledger holds about a person, the oldest first.
func (p Person) Messages() []Message {
	var out []Message
	for key, s := range p.Sends {
		m, ok := ParseSendKey(key)
		if !ok {
			continue
		}
		m.Send, m.Over = s, m.Generation < p.Generation || p.Status.Final() && p.Order == nil
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Channel, b.Channel))
	})
	return out
}

// Says tells in words how far the message has come.
func (m Message) Says() string {
	by := ""
	if m.Provider != "" {
		by = " by " + m.Provider
	}
	switch m.State {
	case SendSubmitting:
		if m.Over {
			return m.doubtful()
		}
		return "being handed over"
	case SendAccepted:
		return "accepted" + by + "; whether it arrived is not known"
	case SendDelivered:
		return "delivered, says " + cmp.Or(m.By, m.Provider, "the provider")
	case SendBounced:
		return "bounced: " + Explain(m.Reason)
	case SendFailed:
		return "not sent: " + Explain(m.Reason)
	case SendUnknown:
		if n := len(m.Tries); n > 0 && m.Tries[n-1].Next != nil && !m.Over {
			return "handed over without an answer; it is tried again, at the risk of a copy"
		}
		return m.doubtful()
	}
	if m.Over {
		return "not sent, and not tried any more"
	}
	if w := m.Waits; w != (Wait{}) {
		return fmt.Sprintf("not sent yet; waits for %s, paused since %s because %s", w.Provider, w.Since.UTC().Format("2006-01-02 15:04 UTC"), Explain(w.Reason))
	}
	return "not sent yet; it is tried again"
}

// doubtful says what to look for: the provider's own log knows more than usher.
func (m Message) doubtful() string {
	look := ""
	if m.Channel == ChannelEmail && m.MessageID != "" {
		look = "look for " + m.MessageID + " in the provider's log, then "
	}
	return "it is not known whether it went out; " + look + "decide with usher resend, or at the console"
}

// Says tells in words what came of a try.
func (t Try) Says() string {
	s := Explain(t.Reason)
	if t.Code != "" && !strings.Contains(s, t.Code) {
		s += " (" + t.Code + ")"
	}
	return s
}

// Timeline is the message as lines of text: how it stands, and each try that is
// remembered.
func (m Message) Timeline() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s: %s\n", m.Channel, m.Says())
	for _, t := range m.Tries {
		fmt.Fprintf(&b, "    %s  %s %s: %s", t.At.Local().Format(time.DateTime), t.Provider, t.Reason, t.Says())
		if t.Next != nil {
			fmt.Fprintf(&b, ", next try %s", t.Next.Local().Format(time.TimeOnly))
		}
		b.WriteByte('\n')
	}
	if m.Copies > 0 {
		fmt.Fprintf(&b, "    sent again %d times after an unknown outcome: there may be as many copies\n", m.Copies)
	}
	return b.String()
}

// ReasonExpired is the reason of what was tried for as long as it may be.
const ReasonExpired = "expired"

// ReasonUnknown is the reason of what was handed over without an answer.
const ReasonUnknown = "unknown_outcome"

// ReasonNoProvider is the reason of what is not sent because nothing sends on its
// channel here.
const ReasonNoProvider = "no_provider"

// DeliveryReasons is the one vocabulary of why a message was not accepted, or
// bounced: in the ledger, in facts, as a metric label, on pages. Whose says whose
// fault it is. docs/delivery.md says what follows from each.
var DeliveryReasons = []struct{ Name, Meaning, Whose string }{
	{"recipient_invalid", "there is no such address or number", "recipient"},
	{"recipient_blocked", "the person has refused messages", "recipient"},
	{"recipient_refused", "the provider cannot write to this address or number", "recipient"},
	{"mailbox_full", "the mailbox is full", "recipient"},
	{"refused", "the provider refuses it, and does not say whose fault that is", "not known"},
	{"content_rejected", "the provider refuses what the message says", "content"},
	{"sender_rejected", "the provider refuses the sender", "sender"},
	{"config", "credentials, TLS, relaying or credit at the provider are wrong", "configuration"},
	{"quota", "the quota at the provider is used up", "quota"},
	{"reputation", "the provider refuses this machine or domain for its reputation", "reputation"},
	{"no_route", "the provider does not send to this country or network for us", "route"},
	{"needs_smtputf8", "the address has letters beyond ASCII, which the mail server does not take", "route"},
	{"deferred", "the provider asks to try this message again later", "no one: this message waits"},
	{"rate_limited", "the provider asks for fewer messages", "provider"},
	{"transient", "the provider is away or asks to try later", "provider"},
	{ReasonUnknown, "it was handed over and no answer came", "not known"},
	{"render_error", "the template fails for this person", "usher"},
	{"not_allowed", "the allow-list of this system does not have the recipient", "usher"},
	{"suppressed", "the address is on the suppression list", "usher"},
	{"undelivered", "the provider took it and could not deliver it", "not known"},
	{ReasonExpired, "it was tried for as long as it may be", "not known"},
	{ReasonNoProvider, "this system has no provider for that channel", "usher"},
}

// Explain says what a reason means.
func Explain(reason string) string {
	for _, r := range DeliveryReasons {
		if r.Name == reason {
			return r.Meaning
		}
	}
	return reason
}
