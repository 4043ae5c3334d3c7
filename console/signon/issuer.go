package signon

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"usher/event"
)

// Config says which issuer is trusted, and who usher is there.
type Config struct {
	URL      string
	ClientID string
	Secret   string // "": a client without one, whom PKCE alone protects
	Groups   string // the claim that names groups; a path with dots leads into objects

	// Scopes are asked for beside openid; none: none.
	Scopes []string

	CA *x509.CertPool // vouches for the issuer's server; nil: the system's
}

// Issuer is one that people sign in at.
type Issuer struct {
	Config
	host    string
	client  *http.Client
	careful *careful
	looked  chan struct{} // is closed when the first look is over

	mu    sync.Mutex
	known *known // as it was last found; nil: never
	away  error  // why the last look failed; nil: it did not, or none is over
}

// known is what discovery says.
type known struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	end      string // where a sign-out goes on; "": nowhere
}

const (
	answersWithin = 10 * time.Second
	mostAnswer    = 1 << 20 // bytes of one answer

	// Discovery is read anew this often. Keys that the issuer has withdrawn are forgotten
	// then; new ones are fetched when a token names them.
	lookEvery = 5 * time.Minute
	lookAgain = 5 * time.Second // while it is away

	// clocks may differ by so much.
	skew = 2 * time.Minute
)

// ErrAway is returned while the issuer cannot be reached, or does not do its part.
var ErrAway = errors.New("the issuer cannot be reached")

// ParseURL checks the address of an issuer: it is compared letter by letter with what the
// issuer says of itself.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it cannot be read as an address; give the issuer as it names itself, such as https://id.example.org/realms/staff")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, errors.New("it begins with https:// and the host, such as https://id.example.org/realms/staff")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("it has no name before an @, no ? and no #")
	case u.Scheme == "http" && !event.Loopback(u.Hostname()):
		return nil, errors.New("what it says would cross the network in clear; it begins with https:// unless it is on this machine")
	}
	return u, nil
}

// New makes an Issuer. Nothing is asked yet.
func New(c Config) (*Issuer, error) {
	u, err := ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.CA != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: c.CA, MinVersion: tls.VersionTLS12}
	}
	i := &Issuer{Config: c, host: u.Host, careful: &careful{next: transport, fetches: rate.NewLimiter(rate.Every(5*time.Second), 10)}, looked: make(chan struct{})}
	i.client = &http.Client{Transport: i.careful, Timeout: answersWithin, CheckRedirect: i.follow}
	return i, nil
}

const mostRedirects = 3

// follow lets the issuer lead on to where discovery could have led too. A code and a secret
// go nowhere else than to the address that was checked.
func (i *Issuer) follow(r *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet {
		return http.ErrUseLastResponse
	}
	if len(via) > mostRedirects {
		return errors.New("it leads on too often")
	}
	return i.safe(r.URL.String())
}

// Host is the issuer's host, by which people know it.
func (i *Issuer) Host() string { return i.host }

// Away is why the issuer could not be reached or used at the last look; nil when it could,
// or when no look is over yet.
func (i *Issuer) Away() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.away
}

// Follow looks what the issuer says of itself until ctx ends, and tells whenever that
// begins to fail, and when it works again.
func (i *Issuer) Follow(ctx context.Context, tell func(error)) {
	defer i.client.CloseIdleConnections()
	var said string
	for ctx.Err() == nil {
		err := i.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if now := fmt.Sprint(err); now != said && (err != nil || said != "") {
			tell(err)
			said = now
		}
		pause := lookEvery
		if err != nil {
			pause = lookAgain
		}
		event.Sleep(ctx, pause)
	}
}

// Look looks once what the issuer says of itself, and returns why it cannot be used.
func (i *Issuer) Look(ctx context.Context) error {
	defer i.client.CloseIdleConnections()
	return i.look(ctx)
}

// Looked waits until the first look is over, or until ctx ends.
func (i *Issuer) Looked(ctx context.Context) {
	select {
	case <-i.looked:
	case <-ctx.Done():
	}
}

// look reads the discovery document.
func (i *Issuer) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	k, err := i.discover(oidc.ClientContext(ctx, i.client))
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known == nil && i.away == nil {
		close(i.looked)
	}
	if err == nil {
		i.known, i.away = k, nil
		return nil
	}
	i.away = readable("what the issuer says of itself", err)
	return i.away
}

func (i *Issuer) discover(ctx context.Context) (*known, error) {
	p, err := oidc.NewProvider(ctx, i.URL)
	if err != nil {
		return nil, err
	}
	var more struct {
		End  string   `json:"end_session_endpoint"`
		Auth []string `json:"token_endpoint_auth_methods_supported"`
		Keys string   `json:"jwks_uri"`
	}
	if err := p.Claims(&more); err != nil {
		return nil, err
	}
	for what, at := range map[string]string{"authorization_endpoint": p.Endpoint().AuthURL, "token_endpoint": p.Endpoint().TokenURL, "jwks_uri": more.Keys} {
		if err := i.safe(at); err != nil {
			return nil, fmt.Errorf("%s of the issuer: %w", what, err)
		}
	}
	for what, at := range map[string]string{"end_session_endpoint": more.End, "userinfo_endpoint": p.UserInfoEndpoint()} {
		if err := i.safe(at); at != "" && err != nil {
			return nil, fmt.Errorf("%s of the issuer: %w", what, err)
		}
	}
	i.careful.watch(more.Keys)
	k := &known{provider: p, end: more.End, oauth: oauth2.Config{ClientID: i.ClientID, ClientSecret: i.Secret, Endpoint: p.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, i.Scopes...)}}
	k.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if i.Secret == "" || len(more.Auth) > 0 && !slices.Contains(more.Auth, "client_secret_basic") {
		k.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	k.verifier = p.Verifier(&oidc.Config{ClientID: i.ClientID, Now: func() time.Time { return time.Now().Add(-skew) }})
	return k, nil
}

// safe refuses an address of the issuer that a secret or a person must not be sent to.
func (i *Issuer) safe(at string) error {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && event.Loopback(u.Hostname())) {
		return errors.New("it must be an address that begins with https://")
	}
	return nil
}

func (i *Issuer) now() (*known, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known == nil {
		return nil, ErrAway
	}
	return i.known, nil
}

// careful bounds what the issuer's answers cost, and keeps out of errors what it answers
// freely. A token that anyone can send, and that names a key that there is not, makes
// go-oidc fetch the keys anew.
type careful struct {
	next    http.RoundTripper
	fetches *rate.Limiter

	mu   sync.Mutex
	keys string
}

func (c *careful) watch(keys string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

func (c *careful) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	keys := r.URL.String() == c.keys
	c.mu.Unlock()
	if keys && !c.fetches.Allow() {
		return nil, errors.New("the issuer's keys were fetched too often")
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	// An answer that breaks off is none.
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	a := answered(resp.StatusCode)
	if a.away() || r.Method == http.MethodGet && a >= 400 { // of others x/oauth2 reads the code of the error
		return nil, a
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// answered is the status of an answer that nothing is read from.
type answered int

func (a answered) away() bool { return a >= 500 || a == http.StatusTooManyRequests }

func (a answered) Error() string { return fmt.Sprintf("it answered %d %s", a, http.StatusText(int(a))) }

// Is implements errors.Is.
func (a answered) Is(target error) bool { return target == ErrAway && a.away() }
