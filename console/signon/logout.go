package signon

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// MostToken is how long an ID token may be to go into an address, in bytes.
const MostToken = 4000

// End is where a browser goes to sign out at the issuer as well, which sends it back to an
// address; "" when the issuer has no such place.
func (i *Issuer) End(token, back string) string {
	k, err := i.now()
	if err != nil || k.end == "" {
		return ""
	}
	u, err := url.Parse(k.end)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", i.ClientID)
	q.Set("post_logout_redirect_uri", back)
	if token != "" {
		q.Set("id_token_hint", token)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Ended is what the issuer says when a person has signed out there.
type Ended struct {
	ID      string // of the message
	Subject string // "": it names the session alone
	Session string // the issuer's own session; "": all of the subject
	Issued  time.Time
}

// oldest is how old a message about a sign-out may be: so long are they remembered, so that
// each counts once.
const oldest = 12 * time.Hour

// Ended reads the logout token that an issuer sends. Its error wraps ErrAway when the
// issuer's keys could not be had; any other means that the issuer has not sent it.
func (i *Issuer) Ended(ctx context.Context, token string) (e Ended, err error) {
	k, err := i.now()
	if err != nil {
		return e, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, i.client), answersWithin)
	defer cancel()
	t, err := k.verifier.VerifyLogout(ctx, token)
	if err != nil {
		return e, readable("the logout token", err)
	}
	if t.IssuedAt.After(time.Now().Add(skew)) || time.Since(t.IssuedAt) > oldest {
		return e, errors.New("the logout token is of another time; compare the clocks")
	}
	return Ended{ID: t.TokenID, Subject: t.Subject, Session: t.SessionID, Issued: t.IssuedAt}, nil
}
