package console

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/event"
)

// sight is what the one who asks may see of the read model. The model takes it out of
// the context of each question, so that no handler can ask beyond it; what the console
// asks for itself sees all.
type sight struct {
	limited bool     // to inboxes
	inboxes []string // people without an inbox yet belong to none
	masked  bool     // personal data is shown as masked forms, and searches know ids only
}

func sightOf(ctx context.Context) sight {
	if s, ok := ctx.Value(sightKey{}).(sight); ok {
		return s
	}
	a, asked := ctx.Value(whoKey{}).(who)
	if !asked {
		return sight{}
	}
	if a.Name == "" {
		return sight{limited: true, masked: true}
	}
	return sight{limited: a.Inboxes != nil, inboxes: a.Inboxes, masked: a.Role.Masks() && ctx.Value(revealKey{}) == nil}
}

type sightKey struct{}

// seeing is a context of questions that the console asks for those who see so much.
func seeing(ctx context.Context, s sight) context.Context {
	return context.WithValue(ctx, sightKey{}, s)
}

// key tells one set of inboxes from another; it is "" for all.
func (s sight) key() string {
	if !s.limited {
		return ""
	}
	return "in " + strings.Join(s.inboxes, " ")
}

type revealKey struct{}

// revealed is a context in which personal data is shown; the caller has recorded that.
func revealed(ctx context.Context) context.Context { return context.WithValue(ctx, revealKey{}, true) }

// sees tells whether what belongs to an inbox is there for the one who asks.
func (s sight) sees(inbox string) bool { return !s.limited || slices.Contains(s.inboxes, inbox) }

// within adds that a column names an inbox that is seen.
func (s sight) within(t *terms, column string) {
	if !s.limited {
		return
	}
	var args []any
	for _, i := range s.inboxes {
		args = append(args, i)
	}
	t.add(column+` IN (`+strings.TrimPrefix(strings.Repeat(", ?", len(args)), ", ")+`)`, args...)
}

// people are the terms of a column that names an inbox, alone.
func (s sight) people(column string) (t terms) {
	s.within(&t, column)
	return t
}

// persons are the terms of a column that names a user.
func (s sight) persons(column string) (t terms) {
	if s.limited {
		p := s.people("source")
		t.add(column+` IN (SELECT user_id FROM people WHERE `+p.String()+`)`, p.args...)
	}
	return t
}

// letters are the terms of dead letters. Those of lists name their inbox; whose others
// are is not known.
func (s sight) letters() (t terms) {
	in := s
	in.inboxes = nil
	for _, i := range s.inboxes {
		in.inboxes = append(in.inboxes, event.ImportedSubject(i))
	}
	in.within(&t, "subject")
	return t
}

// mask puts masked forms in the place of personal data. Words that people typed are
// left out unless they are a code.
func (s sight) mask(u *User, code func(string) bool) {
	if !s.masked {
		return
	}
	u.Masked = true
	u.Name, u.GivenName, u.FamilyName = maskWords(u.Name), maskWords(u.GivenName), maskWords(u.FamilyName)
	u.Email, u.Phone = maskEmail(u.Email), maskEnd(u.Phone)
	for name := range u.Attributes {
		u.Attributes[name] = masked
	}
	for i := range u.Timeline {
		e := &u.Timeline[i]
		if e.Reason != "" && !code(e.Reason) {
			e.Reason = masked
		}
		if e.Note != "" {
			e.Note = masked
		}
	}
}

// masked stands for what is not shown. It has one length.
const masked = "•••"

// maskWords shows how each word begins, of three words at most.
func maskWords(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = first(w) + masked
	}
	return strings.Join(words[:min(len(words), 3)], " ")
}

// maskEmail shows how the address begins, and its last label.
func maskEmail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok {
		return maskWords(s)
	}
	end := ""
	if i := strings.LastIndexByte(domain, '.'); i >= 0 {
		end = domain[i:]
	}
	return first(local) + masked + "@" + masked + end
}

// maskEnd shows the last two digits of a number.
func maskEnd(s string) string {
	if len(s) < 7 {
		return strings.Repeat(masked, min(1, len(s)))
	}
	return masked + s[len(s)-2:]
}

func first(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// knownReason tells whether a reason is one of a list, and so says nothing about a
// person.
func (k *Console) knownReason(reason string) bool { return k.withWords(reason) != reason }
