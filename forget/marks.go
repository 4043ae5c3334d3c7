package forget

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"usher/event"
)

// Marks are what a person is recognised by in what others wrote.
type Marks struct {
	IDs    []string // user ids, as they are
	Emails []string // in normal form
	Phones []string // E.164
	Names  []string // in full, as words in lower case
}

func (m *Marks) add(u event.User) {
	put := func(list *[]string, v string) {
		if v != "" && !slices.Contains(*list, v) {
			*list = append(*list, v)
		}
	}
	put(&m.Emails, event.NormalizeEmail(u.Email))
	put(&m.Phones, u.Phone)
	for _, name := range []string{u.Name, u.GivenName + " " + u.FamilyName} {
		if w := words(name); len(w) > 1 { // a first name alone is many people's
			put(&m.Names, strings.Join(w, " "))
		}
	}
}

// About tells whether the body of a message is about the person: user_id or email
// say so, or no other user is said there and something of the person stands in it.
// In one that is about another user, such as a decision's reason, the person may
// be mentioned.
func (m *Marks) About(body []byte) (about, mentioned bool) {
	said := saidBy{Marks: m}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) == nil {
		said.walk("", v)
	} else {
		said.text(string(body))
	}
	about = said.person || said.something && !said.other
	return about, said.something && !about
}

// saidBy is what the values of a body say about who is meant.
type saidBy struct {
	*Marks
	person    bool // this one
	other     bool // another user
	something bool // of this person stands in it
}

func (s *saidBy) walk(key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, v := range v {
			s.walk(k, v)
		}
	case []any:
		for _, v := range v {
			s.walk(key, v)
		}
	case json.Number:
		s.walk(key, v.String())
	case string:
		email := s.hasEmail(v)
		switch {
		case strings.EqualFold(key, "user_id") && slices.Contains(s.IDs, v), (strings.EqualFold(key, "user_id") || strings.EqualFold(key, "email")) && email:
			s.person = true
		case (strings.EqualFold(key, "user_id") || strings.EqualFold(key, "email")) && v != "":
			s.other = true
		case email || s.hasPhone(v) || s.hasName(v):
			s.something = true
		}
	}
}

// text is walk for a body that cannot be read.
func (s *saidBy) text(body string) {
	s.person = s.hasEmail(body) || slices.ContainsFunc(s.IDs, func(id string) bool {
		said, _ := regexp.MatchString(`(?i)\buser_id["']?\s*[:=]\s*["']?`+regexp.QuoteMeta(id)+`(["'\s,;}]|$)`, body)
		return said
	})
	s.other = strings.ContainsRune(body, '@') || strings.Contains(body, "user_id")
	s.something = s.hasPhone(body) || s.hasName(body)
}

// InText says what of the person stands in a text: "user id", "e-mail address",
// "phone number" or "name", and "" when nothing does. Texts are files that people
// wrote, so a number may lack its country code.
func (m *Marks) InText(text string) string {
	switch {
	case m.hasEmail(text):
		return "e-mail address"
	case m.hasPhone(text):
		return "phone number"
	case m.hasID(text):
		return "user id"
	case m.hasName(text):
		return "name"
	}
	return ""
}

// hasID looks for a user id that is no part of a longer word.
func (m *Marks) hasID(text string) bool {
	inID := func(r rune) bool { return event.CheckUserID(string(r)) == nil || r == '.' || r == '@' }
	for _, id := range m.IDs {
		for at := 0; ; {
			i := strings.Index(text[at:], id)
			if i < 0 {
				break
			}
			from, to := at+i, at+i+len(id)
			before, _ := utf8.DecodeLastRuneInString(text[:from])
			after, _ := utf8.DecodeRuneInString(text[to:])
			if (from == 0 || !inID(before)) && (to == len(text) || !inID(after)) {
				return true
			}
			at = from + 1
		}
	}
	return false
}

// hasEmail compares each address in the text in normal form.
func (m *Marks) hasEmail(text string) bool {
	if len(m.Emails) == 0 {
		return false
	}
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '@')
		if i < 0 {
			return false
		}
		at += i + 1
		domain := text[at:]
		if end := strings.IndexFunc(domain, func(r rune) bool { return !inDomain(r) }); end >= 0 {
			domain = domain[:end]
		}
		domain = strings.TrimRight(domain, ".-")
		before := text[max(0, at-1-maxLocal) : at-1]
		for _, email := range m.Emails {
			local, want, _ := strings.Cut(email, "@")
			if !strings.EqualFold(domain, want) && event.NormalizeEmail("x@"+domain) != "x@"+want {
				continue
			}
			rest, ok := strings.CutSuffix(strings.ToLower(before), local)
			if r, _ := utf8.DecodeLastRuneInString(rest); ok && (rest == "" || !inLocal(r)) {
				return true
			}
		}
	}
}

// maxLocal is more bytes than stand before an @ (64, RFC 5321, 4.5.3.1.1).
const maxLocal = 80

func inDomain(r rune) bool {
	return r == '.' || r == '-' || r == '。' || unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark)
}

// inLocal tells whether r goes on an address to its left. Signs that also stand
// around addresses do not.
func inLocal(r rune) bool {
	return r == '.' || r == '-' || r == '_' || r == '+' || unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark)
}

// hasPhone compares the numbers in the text, whatever signs are between their
// digits, with country code or without.
func (m *Marks) hasPhone(text string) bool {
	if len(m.Phones) == 0 {
		return false
	}
	var run []byte
	is := func() bool {
		digits := bytes.TrimLeft(run, "0")
		return len(digits) >= minNational && slices.ContainsFunc(m.Phones, func(p string) bool {
			return len(p)-1-len(digits) <= maxCountryCode && strings.HasSuffix(p[1:], string(digits))
		})
	}
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			run = append(run, byte(r))
		case strings.ContainsRune(" \u00a0-./()", r):
		default:
			if is() {
				return true
			}
			run = run[:0]
		}
	}
	return is()
}

// A shorter run of digits is not taken for a number without its country code, of
// which the longest have three digits (ITU-T E.164, 6.2.1).
const (
	minNational    = 6
	maxCountryCode = 3
)

// hasName looks for all words of a name one after the other, whatever is between
// them: names come in one column or in two.
func (m *Marks) hasName(text string) bool {
	if len(m.Names) == 0 {
		return false
	}
	joined := " " + strings.Join(words(text), " ") + " "
	return slices.ContainsFunc(m.Names, func(n string) bool { return strings.Contains(joined, " "+n+" ") })
}

// words are the words of a text, in lower case and in one Unicode form.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFC.String(text)), func(r rune) bool {
		return !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark)
	})
}
