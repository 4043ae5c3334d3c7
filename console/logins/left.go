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
	mostLeft = 200            // beyond them the oldest goes into LeftBefore
)

var errSaid = errors.New("that was said before")

// Leave ends sessions that an issuer vouched for until it said so: the one of the issuer's
// own session, or all of a subject. The same message counts once.
func (s Store) Leave(ctx context.Context, id, subject, session string, issued time.Time) error {
	l := Left{ID: hashOf(id)[:32], Issued: issued.UTC(), At: now()}
	if subject != "" {
		l.Name = PersonName("", subject)
	}
	if session != "" {
		l.Session = hashOf(session)[:32]
	}
	err := s.rewrite(ctx, func(a *All) error {
		if a.leftBefore(l.Issued) || slices.ContainsFunc(a.Left, func(o Left) bool { return o.ID == l.ID }) {
			return errSaid
		}
		a.Left = slices.DeleteFunc(a.Left, func(o Left) bool { return time.Since(o.At) > leftKept })
		a.Left = append(a.Left, l)
		for len(a.Left) > mostLeft { // rather some sign in again than that one stays
			i := a.oldestLeft()
			a.LeftBefore = a.Left[i].Issued
			a.Left = slices.Delete(a.Left, i, i+1)
		}
		return nil
	})
	if errors.Is(err, errSaid) {
		return nil
	}
	return err
}

// oldestLeft is the message that the issuer sent first of those that are kept.
func (a *All) oldestLeft() (oldest int) {
	for i, l := range a.Left {
		if l.Issued.Before(a.Left[oldest].Issued) {
			oldest = i
		}
	}
	return oldest
}

// leftBefore tells whether all sessions are over that were vouched for at a time.
func (a *All) leftBefore(at time.Time) bool {
	return !a.LeftBefore.IsZero() && !at.After(a.LeftBefore)
}

// HasLeft tells whether a session of a login, for which the issuer vouched at a time by its
// clock, is over because of what it has said since. Where the message or the session does
// not name the issuer's own session, the person counts.
func (a *All) HasLeft(name, session string, vouched time.Time) bool {
	hash := ""
	if session != "" {
		hash = hashOf(session)[:32]
	}
	return a.leftBefore(vouched) || slices.ContainsFunc(a.Left, func(l Left) bool {
		switch {
		case vouched.After(l.Issued):
			return false
		case l.Session == "", session == "":
			return l.Name == name
		}
		return l.Session == hash && (l.Name == "" || l.Name == name)
	})
}
