package logins

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Token lets a program use the API.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Inboxes []string  `json:"inboxes,omitempty"` // none: all
	Secret  string    `json:"secret"`            // its hash
	Since   time.Time `json:"since"`
	Ends    time.Time `json:"ends,omitzero"` // zero: never
	By      string    `json:"by,omitempty"`  // who made it
}

// Over tells whether the token has ended.
func (t Token) Over() bool { return !t.Ends.IsZero() && !time.Now().Before(t.Ends) }

// TokenActor stands before the name of a token where it says who did something. No login
// has a name that begins so.
const TokenActor = event.TokenActor

// tokenPrefix begins each token, so that scanners of secrets find it.
const tokenPrefix = "usher_"

// ErrNoToken is returned for a name that no token has.
var ErrNoToken error = Refusal("there is no such token")

// AddToken makes a token and returns its secret, which is stored nowhere. It ends after
// a while, or never when that is 0.
func (s Store) AddToken(ctx context.Context, name string, role Role, inboxes []string, lasts time.Duration, by string) (string, error) {
	inboxes, err := checkScope(role, inboxes)
	if err = errors.Join(checkName(name), err); err != nil {
		return "", err
	}
	if lasts < 0 {
		return "", refuse("a token cannot end before it is made")
	}
	text, hash := secret(tokenPrefix)
	t := Token{Name: name, Role: role, Inboxes: inboxes, Secret: hash, Since: now(), By: by}
	if lasts > 0 {
		t.Ends = now().Add(lasts)
	}
	return text, s.change(ctx, func(a *All) error {
		if slices.ContainsFunc(a.Tokens, func(o Token) bool { return o.Name == name }) {
			return refuse("there is a token of that name already")
		}
		if len(a.Tokens) >= mostTokens {
			return refuse("there are %d tokens, which is the most; remove one first", mostTokens)
		}
		a.Tokens = append(a.Tokens, t)
		return nil
	})
}

// RemoveToken takes a token away, which ends it at once.
func (s Store) RemoveToken(ctx context.Context, name string) error {
	err := s.change(ctx, func(a *All) error {
		n := len(a.Tokens)
		if a.Tokens = slices.DeleteFunc(a.Tokens, func(t Token) bool { return t.Name == name }); len(a.Tokens) == n {
			return ErrNoToken
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.kv.Purge(ctx, usedPrefix+name)
}

// Token finds the token of a secret; ok is false for one that has ended, too.
func (a *All) Token(secret string) (t Token, ok bool) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return t, false
	}
	hash := hashOf(secret)
	for _, o := range a.Tokens {
		if same(o.Secret, hash) {
			t, ok = o, !o.Over()
		}
	}
	return t, ok
}

// usedPrefix begins the keys of when tokens were last used.
const usedPrefix = "used."

// Used stores that a token is in use now. The caller does that not more often than a
// person wants to know.
func (s Store) Used(ctx context.Context, name string) error {
	_, err := s.kv.Put(ctx, usedPrefix+name, []byte(now().Format(time.RFC3339)))
	return err
}

// LastUsed is when a token was last used; zero for never.
func (s Store) LastUsed(ctx context.Context, name string) (time.Time, error) {
	e, err := s.kv.Get(ctx, usedPrefix+name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	at, _ := time.Parse(time.RFC3339, string(e.Value())) // what is no time is never
	return at, nil
}
