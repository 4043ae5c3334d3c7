package ingest

import (
	"fmt"
	"regexp"
	"strings"

	"usher/event"
)

// atom is RFC 5322's dot-atom, with letters beyond ASCII as RFC 6531 allows.
var atom = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x{80}-\\x{10ffff}-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x{80}-\\x{10ffff}-]+)*$")

// parseEmail returns the normal form of an address: lower case, domain in ASCII.
// Its errors name no part of the address.
func parseEmail(s string) (string, error) {
	if plainEmail(s) {
		return s, nil
	}
	return parseAnyEmail(s)
}

func parseAnyEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "", fmt.Errorf("there is no @ in the address")
	}
	local, domain := s[:i], s[i+1:]
	switch {
	case len(s) > maxEmail:
		return "", fmt.Errorf("the address has %d bytes, at most %d are allowed", len(s), maxEmail)
	case len(local) > maxLocalPart:
		return "", fmt.Errorf("the part before the @ has %d bytes, at most %d are allowed", len(local), maxLocalPart)
	case !atom.MatchString(local):
		return "", fmt.Errorf("the part before the @ has characters that are not allowed, or a dot at its end")
	}
	ascii, err := event.NormalizeDomain(domain)
	if err != nil || !strings.Contains(ascii, ".") {
		return "", fmt.Errorf("the part after the @ is no domain name")
	}
	if len(local)+1+len(ascii) > maxEmail {
		return "", fmt.Errorf("the address has more than %d bytes", maxEmail)
	}
	return local + "@" + ascii, nil
}

// plainEmail reports whether the address is in normal form already, which nearly
// all are: letters, digits and a few signs before the @, and labels of letters,
// digits and inner dashes behind it. It says no when it is not sure.
func plainEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	if at < 1 || at > maxLocalPart || len(s) > maxEmail || s[at-1] == '.' {
		return false
	}
	dot := true // a dot must not come next
	for i := range at {
		switch c := s[i]; {
		case c == '.':
			if dot {
				return false
			}
			dot = true
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '+':
			dot = false
		default:
			return false
		}
	}
	label, labels, letter := 0, 1, false
	for i := at + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return false
			}
			label, labels = 0, labels+1
			continue
		case c >= 'a' && c <= 'z':
			letter = true
		case c >= '0' && c <= '9':
		case c == '-':
			if label == 0 || label == 2 || label == 3 { // not xn-- either
				return false
			}
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return labels > 1 && label > 0 && letter && s[len(s)-1] != '-' && len(s)-at-1 <= 253
}
