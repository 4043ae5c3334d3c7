// Package signontest is an issuer of OpenID Connect for tests: the one of go-oidc's
// oidctest, with the endpoints that a sign-in needs, on a socket.
package signontest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// Who usher is at the issuer.
const (
	ClientID = "usher"
	Secret   = "a secret / of this+test" // has to be encoded in a header
)

// Issuer lets in who is there, without a question.
type Issuer struct {
	*testing.T
	URL string

	mu       sync.Mutex
	server   oidctest.Server
	key      *ecdsa.PrivateKey
	keyID    string
	person   map[string]any // claims
	userinfo map[string]any
	change   func(claims map[string]any)
	away     bool
	broken   map[string]int // statuses, by path
	moved    map[string]string
	asks     []string // what sign-outs came with
	codes    map[string]grant
	fetches  int // of keys
	asked    int // for tokens
}

// grant is what a code stands for.
type grant struct{ challenge, nonce, back string }

// Start starts one that stops with the test.
func Start(t *testing.T) *Issuer {
	t.Helper()
	i := &Issuer{T: t, codes: map[string]grant{}, broken: map[string]int{}, moved: map[string]string{}}
	s := httptest.NewServer(i)
	t.Cleanup(s.Close)
	i.URL = s.URL
	i.server.SetIssuer(s.URL)
	i.server.Algorithms = []string{oidc.ES256}
	i.Rotate(true)
	return i
}

// Rotate signs with a new key from now on. The one before is withdrawn, or stays good.
func (i *Issuer) Rotate(withdraw bool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if withdraw {
		i.server.PublicKeys = nil
	}
	i.key, i.keyID = key, rand.Text()
	i.server.PublicKeys = append(i.server.PublicKeys, oidctest.PublicKey{PublicKey: key.Public(), KeyID: i.keyID, Algorithm: oidc.ES256})
}

// Let has a person be there, with groups and more claims.
func (i *Issuer) Let(subject string, groups []string, more map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = map[string]any{"sub": subject}
	if groups != nil {
		i.person["groups"] = groups
	}
	maps.Copy(i.person, more)
}

// Tell is what userinfo says.
func (i *Issuer) Tell(userinfo map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.userinfo = userinfo
}

// Change changes the claims of ID tokens from now on; nil leaves them alone.
func (i *Issuer) Change(f func(claims map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.change = f
}

// Away lets every request fail, or answers again.
func (i *Issuer) Away(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

// Hold lets every request wait until release is called.
func (i *Issuer) Hold() (release func()) {
	i.mu.Lock()
	return i.mu.Unlock
}

// Break lets requests for a path fail: with a status, with 200 and an answer that is not one,
// or with 0 by hanging up in the middle of it.
func (i *Issuer) Break(path string, status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.broken[path] = status
}

// Move leads requests for a path on to an address.
func (i *Issuer) Move(path, to string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.moved[path] = to
}

// Mend ends all of that.
func (i *Issuer) Mend() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.broken)
	clear(i.moved)
}

// fail answers a request for a path that is broken, with words that no log may have.
func (i *Issuer) fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	if status == 0 {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"error_description":"words about Ann Example`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"error":"server_error","error_description":"words about Ann Example","keys":"Ann"}`))
}

// Fetches is how often the keys were asked for.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Exchanges is how often a token was asked for.
func (i *Issuer) Exchanges() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Asks are the queries of sign-outs.
func (i *Issuer) Asks() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.asks...)
}

// Sign makes a token of claims; issuer, audience and times are added where they lack.
func (i *Issuer) Sign(claims map[string]any) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sign(claims)
}

func (i *Issuer) sign(claims map[string]any) string {
	all := map[string]any{"iss": i.URL, "aud": ClientID, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix()}
	maps.Copy(all, claims)
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return oidctest.SignIDToken(i.key, i.keyID, oidc.ES256, string(b))
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	status, broken := i.broken[r.URL.Path]
	switch {
	case broken:
		i.fail(w, status)
	case i.moved[r.URL.Path] != "":
		http.Redirect(w, r, i.moved[r.URL.Path], http.StatusTemporaryRedirect)
	case i.away:
		http.Error(w, "away", http.StatusBadGateway)
	case r.URL.Path == "/.well-known/openid-configuration":
		i.describe(w, r)
	case r.URL.Path == "/auth":
		i.authorize(w, r)
	case r.URL.Path == "/token":
		i.asked++
		i.exchange(w, r)
	case r.URL.Path == "/userinfo" && i.userinfo != nil:
		answer(w, i.userinfo)
	case r.URL.Path == "/end":
		i.asks = append(i.asks, r.URL.RawQuery)
	default:
		if r.URL.Path == "/keys" {
			i.fetches++
		}
		i.server.ServeHTTP(w, r)
	}
}

// describe adds to discovery what oidctest leaves out.
func (i *Issuer) describe(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	i.server.ServeHTTP(rec, r)
	d := map[string]any{}
	if err := json.Unmarshal(rec.Body.Bytes(), &d); err != nil {
		panic(err)
	}
	d["end_session_endpoint"] = i.URL + "/end"
	if i.userinfo != nil {
		d["userinfo_endpoint"] = i.URL + "/userinfo"
	}
	answer(w, d)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// authorize sends the browser back with a code.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "no such client", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.codes[code] = grant{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri")}
	to := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.URL}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+to.Encode(), http.StatusFound)
}

// exchange gives an ID token for a code, once.
func (i *Issuer) exchange(w http.ResponseWriter, r *http.Request) {
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":"words about Ann Example"}`, code)
	}
	id, secret, _ := r.BasicAuth()
	if plain, _ := url.QueryUnescape(secret); id != ClientID || plain != Secret {
		refuse("invalid_client")
		return
	}
	g, ok := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || r.PostFormValue("redirect_uri") != g.back {
		refuse("invalid_grant")
		return
	}
	claims := maps.Clone(i.person)
	claims["nonce"] = g.nonce
	if i.change != nil {
		i.change(claims)
	}
	answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": i.sign(claims)})
}
