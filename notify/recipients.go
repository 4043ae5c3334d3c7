package notify

import (
	"fmt"
	"strings"

	"usher/event"
)

// recipients are who may get messages, so that a test system cannot reach real
// people. None means everybody.
type recipients []string

// parseRecipients reads the allow-list: an address (`ann@example.org`), a domain
// (`@example.org`), a number (`+4930123456`) or the beginning of one (`+4930*`).
func parseRecipients(list []string) (recipients, error) {
	var out recipients
	for _, s := range list {
		r := event.NormalizeEmail(s)
		number := strings.HasPrefix(r, "+") && strings.Trim(strings.TrimSuffix(r[1:], "*"), "0123456789") == ""
		if !number && (!strings.Contains(r, "@") || strings.Contains(r, "*")) {
			return nil, fmt.Errorf("the allow-list has %q: give an address, a domain as @example.org, a number as +4930123456, or its beginning as +4930*", s)
		}
		out = append(out, r)
	}
	return out, nil
}

func (l recipients) has(to string) bool {
	to = event.NormalizeEmail(to)
	for _, r := range l {
		start, open := strings.CutSuffix(r, "*")
		switch {
		case r == to, open && strings.HasPrefix(to, start), strings.HasPrefix(r, "@") && strings.HasSuffix(to, r):
			return true
		}
	}
	return len(l) == 0
}
