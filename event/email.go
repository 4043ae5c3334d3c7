package event

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// NormalizeEmail is the one form of an address by which a person is known,
// however it was written: without surrounding space, in lower case, the domain
// in ASCII and without the dot of the root. User ids, suppressions and
// comparisons all rest on it, so another form would be another person: it may
// never change for an address that a list can bring. It does not check the
// address; of what is none it returns some text, always the same.
func NormalizeEmail(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	domain := s[at+1:]
	if ascii, err := NormalizeDomain(domain); err == nil {
		domain = ascii
	}
	return s[:at+1] + domain
}

// NormalizeDomain is the domain of an address, in lower case, as NormalizeEmail
// has it. Its error says that this is no name that can be looked up.
func NormalizeDomain(domain string) (string, error) {
	if !plainDomain(domain) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", err
		}
		domain = ascii
	}
	domain = strings.TrimSuffix(domain, ".")
	if strings.Contains("."+domain+".", "..") {
		return "", errEmptyLabel // idna lets it pass
	}
	return domain, nil
}

var errEmptyLabel = errors.New("the domain is missing or has an empty label")

// plainDomain tells that idna would leave a domain as it is, so that most need
// not be asked. It says no when it is not sure.
func plainDomain(domain string) bool {
	if strings.Contains(domain, "--") { // inside of xn--, or not allowed
		return false
	}
	for i := range len(domain) {
		switch c := domain[i]; {
		case c >= utf8.RuneSelf:
			return false
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '.':
		case c == '-' && i > 0 && domain[i-1] != '.' && i+1 < len(domain) && domain[i+1] != '.':
		default:
			return false
		}
	}
	return true
}
