package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"usher/event"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail/smtp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Mechanisms of SMTP authentication, as settings name them. With a password usher
// takes the first of passwordMechanisms that the server offers, with tokens the
// first of tokenMechanisms, unless the settings name one.
const (
	authPlain       = "plain"         // RFC 4616
	authLogin       = "login"         // of servers that have no other
	authSCRAM       = "scram-sha-256" // RFC 7677
	authCRAM        = "cram-md5"      // RFC 2195, of servers that have no other
	authXOAUTH2     = "xoauth2"       // as Google and Microsoft describe it
	authOAuthBearer = "oauthbearer"   // RFC 7628
)

var (
	passwordMechanisms = []string{authPlain, authLogin, authSCRAM, authCRAM}
	tokenMechanisms    = []string{authOAuthBearer, authXOAUTH2}
)

// OAuth2 is where tokens come from, for servers that take no passwords. With a
// refresh token usher acts for the mailbox's owner, without one for itself
// (client credentials, RFC 6749, 4.4).
type OAuth2 struct {
	TokenURL         string   `yaml:"token_url"`
	ClientID         string   `yaml:"client_id"`
	ClientSecret     string   `yaml:"client_secret"`
	ClientSecretFile string   `yaml:"client_secret_file"`
	RefreshToken     string   `yaml:"refresh_token"`
	RefreshTokenFile string   `yaml:"refresh_token_file"`
	Scopes           []string `yaml:"scopes"`

	HTTP *http.Client `yaml:"-"` // instead of one that waits tokenTimeout
}

// tokenTimeout is how long a token is waited for.
const tokenTimeout = 20 * time.Second

// tokens keeps a token until it ends or the server refuses it. It is safe for
// concurrent use.
type tokens struct {
	OAuth2
	mu     sync.Mutex
	source oauth2.TokenSource // nil: the next token is asked for anew
}

func newTokens(c *OAuth2) (*tokens, error) {
	if c == nil {
		return nil, nil
	}
	t := &tokens{OAuth2: *c}
	if t.HTTP == nil {
		t.HTTP = &http.Client{Timeout: tokenTimeout}
	}
	u, err := url.Parse(c.TokenURL)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("oauth2: token_url must be an address that begins with https://")
	case u.Scheme != "https" && !event.Loopback(u.Hostname()):
		return nil, errors.New("oauth2: token_url must begin with https://, or the secret would cross the network in clear")
	case c.ClientID == "":
		return nil, errors.New("oauth2: client_id is needed")
	}
	if t.ClientSecret, err = secret("client_secret", c.ClientSecret, c.ClientSecretFile); err != nil {
		return nil, fmt.Errorf("oauth2: %w", err)
	}
	if t.RefreshToken, err = secret("refresh_token", c.RefreshToken, c.RefreshTokenFile); err != nil {
		return nil, fmt.Errorf("oauth2: %w", err)
	}
	if t.ClientSecret == "" && t.RefreshToken == "" {
		return nil, errors.New("oauth2: client_secret or refresh_token is needed")
	}
	return t, nil
}

// get is a token that has not ended. Its error is a *failure that quotes nothing
// but the standard's word for what is wrong.
func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.source == nil {
		// The source lives longer than this message.
		long := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, t.HTTP)
		endpoint := oauth2.Endpoint{TokenURL: t.TokenURL}
		if t.RefreshToken != "" {
			c := oauth2.Config{ClientID: t.ClientID, ClientSecret: t.ClientSecret, Endpoint: endpoint, Scopes: t.Scopes}
			t.source = c.TokenSource(long, &oauth2.Token{RefreshToken: t.RefreshToken})
		} else {
			c := clientcredentials.Config{ClientID: t.ClientID, ClientSecret: t.ClientSecret, TokenURL: t.TokenURL, Scopes: t.Scopes}
			t.source = c.TokenSource(long)
		}
	}
	token, err := t.source.Token()
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return token.AccessToken, nil
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500:
		return "", signInFailure("the token endpoint gives no token: " + oauthWord(refused.ErrorCode))
	}
	f := failureOf(ReasonTransient, errors.New("the token endpoint does not answer"))
	f.away = true
	return "", f
}

// drop forgets a token that the mail server refused.
func (t *tokens) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source = nil
}

// oauthWords are the errors of RFC 6749, 5.2; no other text is told.
var oauthWords = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

func oauthWord(code string) string {
	if slices.Contains(oauthWords, code) {
		return code
	}
	return "it answers with an error"
}

// checkAuth tells what is wrong with the settings of authentication.
func (c SMTPConfig) checkAuth() error {
	known := slices.Concat(passwordMechanisms, tokenMechanisms)
	switch {
	case c.Auth != "" && !slices.Contains(known, c.Auth):
		return fmt.Errorf("auth is %q, it must be one of %s", c.Auth, strings.Join(known, ", "))
	case c.OAuth2 == nil && slices.Contains(tokenMechanisms, c.Auth):
		return fmt.Errorf("auth %s needs oauth2, which says where tokens come from", c.Auth)
	case c.OAuth2 != nil && slices.Contains(passwordMechanisms, c.Auth):
		return fmt.Errorf("auth %s takes a password, and oauth2 gives tokens: give one of them", c.Auth)
	case c.OAuth2 != nil && c.Password != "":
		return errors.New("password and oauth2: give one of them")
	case c.OAuth2 != nil && c.Username == "":
		return errors.New("oauth2 needs a username, which is the mailbox")
	}
	return nil
}

// signIn authenticates on a fresh connection.
func (t *smtpTransport) signIn(ctx context.Context, c *smtp.Client) error {
	mechanism, token, err := t.mechanism(ctx, c)
	if err != nil {
		return err
	}
	err = c.Auth(mechanism)
	var bearer *sasl.OAuthBearerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bearer):
		err = signInFailure("the SMTP server refuses the token")
	case !isReply(err) && errors.As(err, new(badExchange)):
		err = configFailure("the SMTP server does not authenticate as the standard says")
	default:
		err = t.failure(phaseAuth, err)
	}
	if token { // it may have been taken back before its end
		t.tokens.drop()
	}
	return err
}

// mechanism is how to sign in, and whether it takes a token.
func (t *smtpTransport) mechanism(ctx context.Context, c *smtp.Client) (m sasl.Client, token bool, err error) {
	known := passwordMechanisms
	if t.tokens != nil {
		known = tokenMechanisms
	}
	name := t.Auth
	for _, k := range known {
		if name == "" && c.SupportsAuth(strings.ToUpper(k)) {
			name = k
		}
	}
	var secret string
	switch {
	case name == "" || !c.SupportsAuth(strings.ToUpper(name)):
		return nil, false, configFailure("the SMTP server does not offer to sign in by " + strings.ToUpper(strings.Join(given(t.Auth, known), ", ")) +
			"; some offer it only after STARTTLS")
	case t.tokens != nil:
		if secret, err = t.tokens.get(ctx); err != nil {
			return nil, true, err
		}
	}
	switch name {
	case authOAuthBearer:
		return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: t.Username, Token: secret}), true, nil
	case authXOAUTH2:
		return saslClient{gomail.XOAuth2Auth(t.Username, secret)}, true, nil
	case authSCRAM:
		return saslClient{gomail.ScramSHA256Auth(t.Username, t.Password)}, false, nil
	case authCRAM:
		return saslClient{gomail.CRAMMD5Auth(t.Username, t.Password)}, false, nil
	case authLogin:
		return sasl.NewLoginClient(t.Username, t.Password), false, nil
	}
	return sasl.NewPlainClient("", t.Username, t.Password), false, nil
}

func given(one string, all []string) []string {
	if one != "" {
		return []string{one}
	}
	return all
}

// saslClient is a mechanism of one library as the other one takes it.
type saslClient struct{ gomail.Auth }

// badExchange is what a server said in place of the mechanism's next step. The
// library's own text may quote it.
type badExchange struct{ error }

func (e saslClient) Start() (mech string, ir []byte, err error) {
	return e.Auth.Start(&gomail.ServerInfo{TLS: true})
}

func (e saslClient) Next(challenge []byte) ([]byte, error) {
	answer, err := e.Auth.Next(challenge, true)
	if err != nil {
		return nil, badExchange{errors.New("the server's challenge cannot be answered")}
	}
	return answer, nil
}
