package app

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"usher/console"
	"usher/console/logins"
	"usher/console/signon"
)

// SignOn says who vouches for people at the console, beside accounts or in their place.
type SignOn struct {
	OIDCIssuer           string        `name:"oidc-issuer" help:"OpenID Connect issuer by which people sign in at the console, as it names itself (docs/sign-on.md)." placeholder:"URL"`
	OIDCClientID         string        `name:"oidc-client-id" help:"Who usher is there." default:"usher" placeholder:"ID"`
	OIDCClientSecret     string        `name:"oidc-client-secret" help:"Secret of usher there; none for a public client." placeholder:"SECRET"`
	OIDCClientSecretFile string        `name:"oidc-client-secret-file" help:"File with that secret." type:"path" placeholder:"FILE"`
	OIDCScopes           []string      `name:"oidc-scopes" help:"What is asked for beside openid." default:"profile" placeholder:"SCOPE"`
	OIDCGroupsClaim      string        `name:"oidc-groups-claim" help:"Claim with the groups of a person; dots lead into objects, as realm_access.roles." default:"groups" placeholder:"CLAIM"`
	OIDCCA               string        `name:"oidc-ca" help:"File with the certificates that vouch for the issuer's server; the system's otherwise." type:"path" placeholder:"FILE"`
	OIDCSession          time.Duration `name:"oidc-session" help:"How long a session by the issuer lasts at most; groups that change count from the next sign-in on." default:"12h"`
	TrustedHeader        string        `help:"Header in which an authenticating proxy names the person who sends a request, such as X-Remote-User." placeholder:"NAME"`
	TrustedGroupsHeader  string        `help:"Header with the groups of that person, joined by commas." default:"X-Remote-Groups" placeholder:"NAME"`
	TrustedHeaderFrom    []string      `help:"Addresses or networks of that proxy; from others these headers are taken off." placeholder:"CIDR"`
	GroupRole            []string      `sep:"none" help:"Role of a group, for all inboxes or for some; the first that names a group of the person counts. Repeatable." placeholder:"ROLE[:INBOX+INBOX]=GROUP"`
	NoLocalAccounts      bool          `name:"no-local-accounts" help:"Let no one sign in at the console with a password."`
}

// grants are the roles of groups.
func (s SignOn) grants() (out []logins.Grant, err error) {
	var errs []error
	for _, text := range s.GroupRole {
		g, err := logins.ParseGrant(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--group-role %q: %w", text, err))
			continue
		}
		out = append(out, g)
	}
	return out, errors.Join(errs...)
}

// validateSignOn is all that is wrong with these settings.
func (w Web) validateSignOn(consoleURL string) (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := w.grants(); err != nil {
		bad("%w", err)
	}
	h, err := w.trustedHeader()
	if err != nil {
		bad("%w", err)
	}
	switch {
	case h != nil && w.OIDCIssuer != "":
		bad("--trusted-header: leave it or --oidc-issuer out; a person who came in both ways would count as two")
	case h != nil && len(w.GroupRole) == 0:
		bad("--trusted-header: say with --group-role what people may do, such as --group-role admin=GROUP; without it no one comes in")
	case h == nil && err == nil && w.OIDCIssuer == "" && w.NoLocalAccounts:
		bad("--no-local-accounts: then no one could sign in; give --oidc-issuer or --trusted-header as well")
	}
	if w.NoLocalAccounts && (w.ConsolePassword != "" || w.ConsolePasswordFile != "") {
		bad("--no-local-accounts: a password would open nothing; leave out --console-password")
	}
	if w.OIDCIssuer == "" {
		return errs
	}
	if _, err := signon.ParseURL(w.OIDCIssuer); err != nil {
		bad("--oidc-issuer: %w", err)
	}
	if consoleURL == "" {
		bad("--oidc-issuer: the issuer sends people back to --console-url; give that as well, and %s at the issuer", "CONSOLE-URL/signin/oidc")
	}
	if len(w.GroupRole) == 0 {
		bad("--oidc-issuer: say with --group-role what people may do, such as --group-role admin=GROUP; without it no one comes in")
	}
	if w.OIDCSession < time.Minute || w.OIDCSession > console.LongestSession {
		bad("--oidc-session: must be from 1m to %s", console.LongestSession)
	}
	return errs
}

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// trustedHeader is how a proxy vouches for people; nil when none does.
func (w Web) trustedHeader() (*console.TrustedHeader, error) {
	if w.TrustedHeader == "" {
		if len(w.TrustedHeaderFrom) > 0 {
			return nil, errors.New("--trusted-header-from: say with --trusted-header which header names the person")
		}
		return nil, nil
	}
	var errs []error
	h := &console.TrustedHeader{User: w.TrustedHeader, Groups: cmp.Or(w.TrustedGroupsHeader, "X-Remote-Groups")}
	for _, name := range []string{h.User, h.Groups} {
		switch canonical := http.CanonicalHeaderKey(name); {
		case !headerName.MatchString(name):
			errs = append(errs, fmt.Errorf("--trusted-header: %q cannot be the name of a header", name))
		case slices.Contains([]string{"Authorization", "Cookie", "Host", "Origin", "X-Forwarded-For"}, canonical):
			errs = append(errs, fmt.Errorf("--trusted-header: clients send %s themselves; let the proxy set one of its own, such as X-Remote-User", canonical))
		}
	}
	if strings.EqualFold(h.User, h.Groups) {
		errs = append(errs, errors.New("--trusted-header: the person and the groups need a header each"))
	}
	if len(w.TrustedHeaderFrom) == 0 {
		errs = append(errs, errors.New("--trusted-header: say with --trusted-header-from where the proxy is, such as 127.0.0.1; from everywhere else the header is taken off"))
	}
	for _, s := range w.TrustedHeaderFrom {
		p, err := console.ParseProxy(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("--trusted-header-from: %w", err))
		}
		h.From = append(h.From, p)
	}
	return h, errors.Join(errs...)
}

// issuer is the one of the settings; nil for none.
func (w Web) issuer() (*signon.Issuer, error) {
	if w.OIDCIssuer == "" {
		return nil, nil
	}
	secret, err := secret("oidc-client-secret", w.OIDCClientSecret, w.OIDCClientSecretFile)
	if err != nil {
		return nil, err
	}
	var ca *x509.CertPool
	if w.OIDCCA != "" {
		pem, err := os.ReadFile(w.OIDCCA)
		if err != nil {
			return nil, fmt.Errorf("--oidc-ca: %w", err)
		}
		if ca = x509.NewCertPool(); !ca.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--oidc-ca: %s has no certificate in PEM", w.OIDCCA)
		}
	}
	return signon.New(signon.Config{URL: w.OIDCIssuer, ClientID: cmp.Or(w.OIDCClientID, "usher"), Secret: secret, Groups: cmp.Or(w.OIDCGroupsClaim, "groups"), Scopes: w.OIDCScopes, CA: ca})
}
