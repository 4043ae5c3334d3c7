package logins

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Left says that someone has signed out at the issuer. It stands in the record of all
// logins, which is read with each request: so a session that it is about is over in every
// console from the next request on, also one that is being opened just then.
type Left struct {
	ID      string    `json:"id"`                // hash of the message that said so
	Name    string    `json:"name,omitempty"`    // the login; "": only the session was named
	Session string    `json:"session,omitempty"` // hash of the issuer's session; "": all of the login
	Issued  time.Time `json:"issued"`            // by the issuer's clock
	At      time.Time `json:"at"`                // by ours
}

const (
	leftKept = 13 * time.Hour // longer than a session lasts
	mostLeft = 200
)

var errSaid = errors.New("that was said before")

// Leave ends sessions that an issuer vouched for: the one of the issuer's own session, or
// all of a subject, which were opened before the issuer said so. The same message counts
// once.
func (s Store) Leave(ctx context.Context, id, subject, session string, issued time.Time) error {
	l := Left{ID: hashOf(id)[:32], Issued: issued.UTC(), At: now()}
	if subject != "" {
		l.Name = PersonName("", subject)
	}
	if session != "" {
		l.Session = hashOf(session)[:32]
	}
	err := s.rewrite(ctx, func(a *All) error {
		a.Left = slices.DeleteFunc(a.Left, func(o Left) bool { return time.Since(o.At) > leftKept })
		if slices.ContainsFunc(a.Left, func(o Left) bool { return o.ID == l.ID }) {
			return errSaid
		}
		full := len(a.Left) >= mostLeft
		for i := range a.Logins {
			if x := &a.Logins[i]; !x.Local() && (full || session == "" && x.Name == l.Name) {
				x.Turn++
			}
		}
		if full { // rather one signs in again than that one stays
			a.Left = nil
		}
		a.Left = append(a.Left, l)
		return nil
	})
	if errors.Is(err, errSaid) {
		return nil
	}
	return err
}

// HasLeft tells whether a session of a login, for which the issuer vouched at a time by its
// clock, is over because of what it has said since. A session of which the issuer's own is
// not known ends with any of the login.
func (a *All) HasLeft(name, session string, vouched time.Time) bool {
	hash := ""
	if session != "" {
		hash = hashOf(session)[:32]
	}
	return slices.ContainsFunc(a.Left, func(l Left) bool {
		switch {
		case l.Session == "", vouched.After(l.Issued): // Turn has ended the former
			return false
		case session == "":
			return l.Name == name
		}
		return l.Session == hash && (l.Name == "" || l.Name == name)
	})
}
