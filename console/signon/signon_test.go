package signon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"usher/console/signon/signontest"
)

const back = "https://usher.example.org/signin/oidc"

func start(t *testing.T, change func(*Config)) (*Issuer, *signontest.Issuer) {
	t.Helper()
	at := signontest.Start(t)
	c := Config{URL: at.URL, ClientID: signontest.ClientID, Secret: signontest.Secret, Groups: "groups"}
	if change != nil {
		change(&c)
	}
	i, err := New(c)
	if err == nil {
		err = i.look(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return i, at
}

// goes is one whole sign-in.
func goes(t *testing.T, i *Issuer) (Person, error) {
	t.Helper()
	to, a, err := i.Begin(back)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !i.Answers(a, u.Query()) {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return i.Finish(t.Context(), a, u.Query().Get("code"), back)
}

// Groups are found wherever issuers put them.
func TestGroupsWhereverTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		claim    string
		claims   map[string]any
		userinfo map[string]any
		want     []string
	}{
		"a list":                 {"groups", map[string]any{"groups": []string{"a", "b"}}, nil, []string{"a", "b"}},
		"one":                    {"groups", map[string]any{"groups": "a b"}, nil, []string{"a b"}},
		"none":                   {"groups", nil, nil, nil},
		"in objects":             {"realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": []any{"a", 1, nil}}}, nil, []string{"a"}},
		"a name with dots":       {"https://example.org/groups", map[string]any{"https://example.org/groups": []string{"a"}}, nil, []string{"a"}},
		"no list":                {"groups", map[string]any{"groups": map[string]any{"a": true}}, nil, nil},
		"in userinfo":            {"groups", nil, map[string]any{"sub": "s-1", "groups": []string{"a"}}, []string{"a"}},
		"in both":                {"groups", map[string]any{"groups": []string{}}, map[string]any{"sub": "s-1", "groups": []string{"a"}}, nil},
		"userinfo says no group": {"groups", nil, map[string]any{"sub": "s-1"}, nil},
	} {
		i, at := start(t, nil)
		i.Groups = c.claim
		at.Tell(c.userinfo)
		at.Let("s-1", nil, c.claims)
		if err := i.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := goes(t, i)
		if err != nil || !slices.Equal(p.Groups, c.want) || p.Subject != "s-1" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	i, at := start(t, nil)
	at.Tell(map[string]any{"sub": "s-2", "groups": []string{"admins"}})
	at.Let("s-1", nil, nil)
	if err := i.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := goes(t, i); err == nil || !strings.Contains(err.Error(), "another person") {
		t.Errorf("userinfo of another person: %+v, %v", p, err)
	}
}

func TestWhatPeopleAreCalled(t *testing.T) {
	for want, claims := range map[string]map[string]any{
		"ann":                   {"preferred_username": " ann\n", "name": "Ann Example"},
		"Ann Example":           {"preferred_username": "\t", "name": "Ann Example", "email": "a@example.org"},
		"a@example.org":         {"name": 7, "email": "a@example.org"},
		"":                      {"sub": "s"},
		strings.Repeat("é", 80): {"name": strings.Repeat("é", 200)},
		"evil":                  {"name": "e\u202evil"},
	} {
		if got := called(claims); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A key that the issuer has withdrawn is good no more when its keys were fetched again: when
// a token names a new one, or discovery was read again. Until then tokens that it signed are,
// also while the issuer cannot be asked.
func TestAWithdrawnKey(t *testing.T) {
	const discovery = "/.well-known/openid-configuration"
	for _, how := range []string{"discovery", "a new key"} {
		i, at := start(t, nil)
		at.Let("s-1", nil, nil)
		token := at.Sign(map[string]any{"sub": "s-1"})
		good := func() bool {
			k, err := i.now()
			if err == nil {
				_, err = k.verifier.Verify(t.Context(), token)
			}
			return err == nil
		}
		if _, err := goes(t, i); err != nil || !good() {
			t.Fatal(err)
		}
		at.Rotate(true)
		at.Break(discovery, http.StatusServiceUnavailable)
		if err := i.look(t.Context()); err == nil || !good() {
			t.Errorf("while the issuer cannot be asked: %v", err)
		}
		at.Mend()
		var err error
		if how == "discovery" {
			err = i.look(t.Context())
		} else {
			_, err = goes(t, i)
		}
		if err != nil || good() {
			t.Errorf("after %s a token of a key that was withdrawn is good: %v", how, err)
		}
	}
}

// A refused client is most often a wrong secret, which Keycloak calls otherwise than RFC 6749.
func TestARefusedClient(t *testing.T) {
	for _, code := range []string{"invalid_client", "unauthorized_client"} {
		err := readable("the code", &oauth2.RetrieveError{ErrorCode: code, ErrorDescription: "words about Ann Example"})
		if want := "the code was refused: " + code + "; is the secret that of this client?"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	if err := readable("the code", &oauth2.RetrieveError{ErrorCode: "invalid_grant"}); strings.Contains(err.Error(), "secret") {
		t.Errorf("of a code that is not good: %v", err)
	}
}

// The issuer's own words are not in errors: they may name a person.
func TestErrorsNameNoOne(t *testing.T) {
	i, at := start(t, nil)
	at.Let("s-1", nil, nil)
	_, err := i.Finish(t.Context(), Attempt{Nonce: "n", Verifier: strings.Repeat("v", 43)}, "no code", back)
	if err == nil || errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "invalid_grant") || strings.Contains(err.Error(), "Ann") {
		t.Errorf("a code that there is not: %v", err)
	}
	at.Away(true)
	if _, err = goesTo(i, t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("away: %v", err)
	}
}

func goesTo(i *Issuer, ctx context.Context) (Person, error) {
	return i.Finish(ctx, Attempt{Nonce: "n", Verifier: strings.Repeat("v", 43)}, "code", back)
}

// What the issuer cannot do now is not a forgery: it may be tried again. And whatever the
// issuer says, its words are in no error.
func TestAPartOfTheIssuerIsAway(t *testing.T) {
	const discovery = "/.well-known/openid-configuration"
	type outcome int
	const (
		good outcome = iota
		away
		bad
	)
	for _, c := range []struct {
		path               string
		status             int
		look, goes, signed outcome // discovery, a sign-in, a sign-out at the issuer
	}{
		{"/none", 500, good, good, good},
		{discovery, 500, away, good, good}, {discovery, 0, away, good, good}, {discovery, 404, bad, good, good}, {discovery, 200, bad, good, good},
		{"/keys", 503, good, away, away}, {"/keys", 0, good, away, away}, {"/keys", 404, good, away, away}, {"/keys", 429, good, away, away}, {"/keys", 200, good, away, away},
		{"/token", 500, good, away, good}, {"/token", 0, good, away, good}, {"/token", 429, good, away, good}, {"/token", 400, good, bad, good}, {"/token", 200, good, bad, good},
		{"/userinfo", 502, good, away, good}, {"/userinfo", 0, good, away, good}, {"/userinfo", 403, good, bad, good}, {"/userinfo", 200, good, bad, good},
	} {
		i, at := start(t, nil)
		at.Tell(map[string]any{"sub": "s-1", "groups": []string{"a"}})
		at.Let("s-1", nil, nil)
		if err := i.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		at.Break(c.path, c.status)
		check := func(what string, want outcome, err error) {
			t.Helper()
			got := bad
			switch {
			case err == nil:
				got = good
			case errors.Is(err, ErrAway):
				got = away
			}
			if got != want || err != nil && (strings.Contains(err.Error(), "Ann") || strings.Contains(err.Error(), "words")) {
				t.Errorf("%s with %s broken by %d: %v", what, c.path, c.status, err)
			}
		}
		_, err := goes(t, i)
		check("a sign-in", c.goes, err)
		_, err = i.Ended(t.Context(), at.Sign(map[string]any{"sub": "s-1", "jti": "j", "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}))
		check("a sign-out", c.signed, err)
		check("discovery", c.look, i.look(t.Context()))
		at.Mend()
		_, err = goes(t, i)
		check("a sign-in afterwards", good, err)
		check("discovery afterwards", good, i.look(t.Context()))
	}
}

// An issuer that leads secrets or people into the open is not used, nor one that is another
// than it should be.
func TestIssuersThatAreNotUsed(t *testing.T) {
	for what, change := range map[string]string{
		"another issuer":      `"issuer":"https://id.example.com"`,
		"a token in clear":    `"token_endpoint":"http://id.example.org/token"`,
		"no authorization":    `"authorization_endpoint":""`,
		"a script at its end": `"end_session_endpoint":"javascript:alert(1)"`,
	} {
		var s *httptest.Server
		s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"issuer":%[1]q,"authorization_endpoint":"%[2]s/a","token_endpoint":"%[2]s/t","jwks_uri":"%[2]s/k",%[3]s}`, s.URL, s.URL, change)
		}))
		i, err := New(Config{URL: s.URL, ClientID: "usher", Groups: "groups"})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.look(t.Context()); err == nil || i.Away() == nil {
			t.Errorf("%s is used", what)
		}
		s.Close()
	}
	for _, address := range []string{"", "id.example.org", "ftp://id.example.org", "http://id.example.org", "https://a:b@id.example.org", "https://id.example.org/?a", "https://id.example.org/#a", "https://"} {
		if _, err := New(Config{URL: address}); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}

// What the issuer leads on to is held to the same: nothing in clear, and a secret nowhere.
func TestWhereTheIssuerLeadsOn(t *testing.T) {
	i, at := start(t, nil)
	at.Let("s-1", nil, nil)
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Error(w, "", http.StatusTeapot)
	}))
	t.Cleanup(other.Close)
	at.Move("/token", other.URL+"/token")
	if _, err := goes(t, i); err == nil || errors.Is(err, ErrAway) || asked > 0 {
		t.Errorf("another place was asked %d times with a code and a secret: %v", asked, err)
	}
	at.Mend()
	for to, want := range map[string]string{"http://192.0.2.1/keys": "https://", at.URL + "/keys": "too often"} {
		at.Move("/keys", to)
		if _, err := goes(t, i); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), want) {
			t.Errorf("keys at %s: %v", to, err)
		}
	}
	at.Mend()
	at.Move("/keys", other.URL+"/keys") // on this machine
	if _, err := goes(t, i); !errors.Is(err, ErrAway) || asked != 1 {
		t.Errorf("keys of another place, which was asked %d times: %v", asked, err)
	}
}

// It is told once that an issuer is away, and once that it is back.
func TestFollowing(t *testing.T) {
	i, at := start(t, nil)
	at.Away(true)
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Follow(ctx, func(err error) { told <- err })
	}()
	if err := <-told; err == nil {
		t.Error("it is there")
	}
	if _, _, err := i.Begin(back); err != nil { // what is known stays known
		t.Error(err)
	}
	at.Away(false)
	select {
	case err := <-told:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it is not told that the issuer is back")
	}
	cancel()
	<-done
}
