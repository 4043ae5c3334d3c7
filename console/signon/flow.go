package signon

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Attempt is what the browser that begins a sign-in keeps, and brings back with the
// issuer's answer.
type Attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE
	Began    int64  `json:"began"`    // in seconds
}

// attemptFor is how long a person may take at the issuer.
const attemptFor = 15 * time.Minute

// Person is one whom the issuer vouches for.
type Person struct {
	Subject string   // never changes, and is no one else's
	Called  string   // for people to read; may change, and may be anyone's
	Groups  []string // none: the issuer named none
	Session string   // the issuer's own session; "": it does not tell
	Vouched time.Time
	Token   string // the ID token, with which a sign-out is asked for
}

// Begin is where a browser goes to sign in, and what it keeps. The issuer's answer comes
// to back. Its error is ErrAway.
func (i *Issuer) Begin(back string) (to string, a Attempt, err error) {
	k, err := i.now()
	if err != nil {
		return "", a, err
	}
	a = Attempt{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Began: time.Now().Unix()}
	c := k.oauth
	c.RedirectURL = back
	return c.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), a, nil
}

func random() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Answers tells whether what came to back answers this attempt.
func (i *Issuer) Answers(a Attempt, q url.Values) bool {
	began := time.Unix(a.Began, 0)
	from := q.Get("iss") // RFC 9207; many issuers leave it out
	return same(a.State, q.Get("state")) && time.Since(began) < attemptFor && time.Since(began) > -skew && (from == "" || from == i.URL)
}

func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// Finish asks the issuer who has signed in, with the code that came to back. Its error
// wraps ErrAway when the issuer did not answer; any other means that no one is vouched for.
func (i *Issuer) Finish(ctx context.Context, a Attempt, code, back string) (p Person, err error) {
	k, err := i.now()
	if err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, i.client), answersWithin)
	defer cancel()
	c := k.oauth
	c.RedirectURL = back
	answer, err := c.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return p, readable("the code", err)
	}
	p.Token, _ = answer.Extra("id_token").(string)
	token, err := k.verifier.Verify(ctx, p.Token)
	if err != nil {
		return p, readable("the ID token", err)
	}
	if !same(a.Nonce, token.Nonce) {
		return p, errors.New("the ID token has another nonce")
	}
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		return p, errors.New("the claims of the ID token cannot be read")
	}
	if err := i.judge(token, claims); err != nil {
		return p, err
	}
	if _, there := find(claims, i.Groups); !there && k.provider.UserInfoEndpoint() != "" {
		u, err := k.provider.UserInfo(ctx, oauth2.StaticTokenSource(answer))
		if err != nil {
			return p, readable("userinfo", err)
		}
		if u.Subject != token.Subject {
			return p, errors.New("userinfo is about another person than the ID token")
		}
		more := map[string]any{}
		if err := u.Claims(&more); err != nil {
			return p, errors.New("the claims of userinfo cannot be read")
		}
		for name, v := range more {
			if _, there := claims[name]; !there {
				claims[name] = v
			}
		}
	}
	p.Subject, p.Called, p.Groups = token.Subject, called(claims), groups(claims, i.Groups)
	p.Session, _ = claims["sid"].(string)
	p.Vouched = token.IssuedAt
	return p, nil
}

// judge looks at what go-oidc leaves to its caller.
func (i *Issuer) judge(token *oidc.IDToken, claims map[string]any) error {
	azp, named := claims["azp"].(string)
	switch {
	case token.Subject == "" || len(token.Subject) > 255:
		return errors.New("the ID token names no subject")
	case named && azp != i.ClientID, !named && len(token.Audience) > 1:
		return errors.New("the ID token was made for another client")
	case token.IssuedAt.After(time.Now().Add(skew)):
		return errors.New("the ID token comes from the future; compare the clocks")
	}
	return nil
}

// readable is an error without what the issuer wrote freely, which may name a person. It
// wraps ErrAway when nothing can be said of what was judged: go-oidc keeps only the text of
// why it has no keys.
func readable(what string, err error) error {
	var refused *oauth2.RetrieveError
	var network *url.Error
	var answer answered
	_, keys, fetching := strings.Cut(err.Error(), "fetching keys ")
	switch {
	case errors.As(err, &refused):
		hint := ""
		if refused.ErrorCode == "invalid_client" || refused.ErrorCode == "unauthorized_client" { // the latter by Keycloak
			hint = "; is the secret that of this client?"
		}
		return fmt.Errorf("%s was refused: %s%s", what, word(refused.ErrorCode), hint)
	case fetching && strings.Contains(keys, "decode keys"):
		return fmt.Errorf("%s: %w: its keys cannot be read", what, ErrAway)
	case fetching:
		return fmt.Errorf("%s: %w: %s", what, ErrAway, keys)
	case errors.As(err, &answer) && !answer.away():
		return fmt.Errorf("%s cannot be had: %w", what, err)
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w", what, ErrAway, err)
	}
	return fmt.Errorf("%s is not good: %w", what, err)
}

// word is a code as RFC 6749 has them.
func word(s string) string {
	if s == "" || len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "without a code"
	}
	return s
}

// called is how people know the person.
func called(claims map[string]any) string {
	for _, name := range []string{"preferred_username", "name", "email"} {
		s, _ := claims[name].(string)
		s = strings.Map(func(r rune) rune {
			if unicode.IsGraphic(r) {
				return r
			}
			return -1
		}, strings.ToValidUTF8(s, ""))
		if r := []rune(strings.TrimSpace(s)); len(r) > 0 {
			return string(r[:min(len(r), 80)])
		}
	}
	return ""
}

// find is a claim by its name, or by a path of names with dots between them.
func find(claims map[string]any, path string) (any, bool) {
	if v, there := claims[path]; there {
		return v, true
	}
	first, rest, more := strings.Cut(path, ".")
	inner, ok := claims[first].(map[string]any)
	if !more || !ok {
		return nil, false
	}
	return find(inner, rest)
}

// groups are those that a claim names.
func groups(claims map[string]any, path string) (out []string) {
	v, _ := find(claims, path)
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
