package logins

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// Voucher says who vouches for the person of a login that has no password here: what the
// person may do comes from there, each time that the person signs in.
type Voucher struct {
	By      string `json:"by"`               // the issuer's address
	Subject string `json:"subject"`          // the person, as it names one
	Called  string `json:"called,omitempty"` // for people to read
}

// PersonActor begins the names of logins that an issuer vouches for, ProxyActor those that
// a proxy does.
const (
	PersonActor = "oidc."
	ProxyActor  = "proxy."
)

// ByHeader is who vouches for those whom a proxy names; else it is the issuer's address.
const ByHeader = "proxy"

// hashedActor follows it where the subject itself cannot be a name.
const hashedActor = "sha256-"

// PersonName is the name of the login of a subject: the subject itself where it can be in
// events and addresses, else its hash. Two subjects never have one name.
func PersonName(by, subject string) string {
	actor := PersonActor
	if by == ByHeader {
		actor = ProxyActor
	}
	name := actor + subject
	if event.CheckUserID(name) != nil || len(name) > 64 || strings.HasPrefix(subject, hashedActor) {
		sum := sha256.Sum256([]byte(subject))
		name = actor + hashedActor + hex.EncodeToString(sum[:16])
	}
	return name
}

// Local tells whether the login signs in with a password that is kept here.
func (l Login) Local() bool { return l.Voucher == nil }

// Called is how people read the login.
func (l Login) Called() string {
	if l.Voucher == nil {
		return l.Name
	}
	return cmp.Or(l.Voucher.Called, l.Name)
}

// Doors say how people may sign in; the zero value is with a password alone. Consoles
// write them at their start, from their settings.
type Doors struct {
	NoLocal bool   `json:"no_local,omitempty"`
	Issuer  string `json:"issuer,omitempty"` // who vouches for people; "": no one
}

// Open tells whether a login may come in.
func (d Doors) Open(l Login) bool {
	switch {
	case !l.Usable():
		return false
	case l.Local():
		return !d.NoLocal
	}
	return d.Issuer != "" && l.Voucher.By == d.Issuer
}

// SetDoors stores how people may sign in.
func (s Store) SetDoors(ctx context.Context, d Doors) error {
	a, err := s.Read(ctx)
	if err != nil || a.Doors == d {
		return err
	}
	return s.rewrite(ctx, func(a *All) error {
		a.Doors = d
		return nil
	})
}

// seenEvery is how often it is written that a person has come, seenFor how long one counts
// who does not come: usher is not told when a person has left.
const (
	seenEvery = 12 * time.Hour
	seenFor   = 30 * 24 * time.Hour
)

// comes tells whether the person of a login is still about, as far as that can be known.
func (l Login) comes() bool { return l.Local() || time.Since(l.Seen) < seenFor }

var errAdmitted = errors.New("nothing has changed")

// Admit stores what is said of a person who signs in, and returns the login. What it may
// do is not usher's to refuse, even where too few are left; but a login that was disabled
// here stays so. Logins of people who come no more are taken out with that.
func (s Store) Admit(ctx context.Context, v Voucher, role Role, inboxes []string) (admitted Login, err error) {
	if inboxes, err = checkScope(role, inboxes); err != nil {
		return admitted, err
	}
	name := PersonName(v.By, v.Subject)
	is := func(l Login) bool {
		return l.Name == name && l.Voucher != nil && *l.Voucher == v && l.Role == role && slices.Equal(l.Inboxes, inboxes) && time.Since(l.Seen) < seenEvery
	}
	all, err := s.Read(ctx)
	if err != nil {
		return admitted, err
	}
	if i := slices.IndexFunc(all.Logins, is); i >= 0 {
		return all.Logins[i], nil
	}
	err = s.rewrite(ctx, func(a *All) error {
		if i := slices.IndexFunc(a.Logins, is); i >= 0 { // another request of this person was faster
			admitted = a.Logins[i]
			return errAdmitted
		}
		a.Logins = slices.DeleteFunc(a.Logins, func(l Login) bool { return l.Name != name && !l.comes() && !l.Disabled })
		l, there := a.Login(name)
		switch {
		case !there && len(a.Logins) >= mostLogins:
			return refuse("there are %d accounts, which is the most; remove one first", mostLogins)
		case !there:
			a.Logins = append(a.Logins, Login{Name: name, Since: now(), By: "sign-on"})
			l = &a.Logins[len(a.Logins)-1]
		case l.Password != "":
			return refuse("there is an account %s with a password, which is not yours; an admin removes it first", name)
		case l.Voucher == nil || l.Voucher.By != v.By || l.Voucher.Subject != v.Subject:
			l.Since = now() // another issuer's person of that name is another one
			l.Turn++
		}
		l.Voucher, l.Role, l.Inboxes, l.Invite, l.Seen = &v, role, inboxes, nil, now()
		admitted = *l
		return nil
	})
	if errors.Is(err, errAdmitted) {
		err = nil
	}
	return admitted, err
}

// Dismiss takes the login of a person away who may do nothing here any more. One that is
// disabled stays, so that it cannot come back by another group. It is asked with each
// request of a proxy, so what changes nothing is not written.
func (s Store) Dismiss(ctx context.Context, by, subject string) error {
	name := PersonName(by, subject)
	goes := func(l Login) bool { return l.Name == name && !l.Local() && !l.Disabled }
	all, err := s.Read(ctx)
	if err != nil || !slices.ContainsFunc(all.Logins, goes) {
		return err
	}
	return s.rewrite(ctx, func(a *All) error {
		a.Logins = slices.DeleteFunc(a.Logins, goes)
		return nil
	})
}

// errVouched is why a login of others is not changed here.
var errVouched error = Refusal("what this account may do, and how it signs in, comes from its sign-on; change the person's groups there")
