package notify

import (
	"slices"
	"strings"
	"unicode"
)

// person is what a template may use. A key that an attribute list does not have
// is an error; `{{with index .Attributes "team"}}` asks without one.
type person struct {
	Name       string // "" when it is not known
	UserID     string
	Attributes map[string]string
}

// newPerson makes what came from a list fit for a message.
func newPerson(name, userID string, attributes map[string]string) person {
	p := person{Name: oneLine(name, maxName), UserID: userID, Attributes: make(map[string]string, len(attributes))}
	for k, v := range attributes {
		p.Attributes[k] = oneLine(v, maxAttribute)
	}
	return p
}

// How much of a name and of another value is used, in characters.
const (
	maxName      = 100
	maxAttribute = 300
)

// oneLine makes a text fit for one line of a message: no control characters, none
// that turn the direction of text, single spaces.
func oneLine(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
	if r := []rune(s); len(r) > most {
		s = string(slices.Clip(r[:most])) + "…"
	}
	return s
}

// hostile are recipients of the kind that breaks templates: one of whom nothing
// is known, line breaks, turned directions, markup, emoji, and too much of it.
func hostile() []person {
	return []person{
		newPerson("", "u-1", nil),
		newPerson("Bobby\r\nBcc: x@example.org \u202e<script>alert(1)</script> \U0001F600 \"'&{{.}}", "u-1", nil),
		newPerson(strings.Repeat("ü\u2067", 300), strings.Repeat("u", 128), nil),
	}
}
