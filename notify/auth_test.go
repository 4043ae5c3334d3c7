package notify

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"usher/event"
)

// Debian's postfix with Cyrus SASL, which keeps passwords as SCRAM wants them.
func TestSignInAtARealServer(t *testing.T) {
	if _, err := exec.LookPath("saslpasswd2"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("saslpasswd2 is needed: .ci/run installs it")
		}
		t.Skip("needs saslpasswd2 (apt-get install sasl2-bin libsasl2-modules)")
	}
	p := startPostfix(t, time.Minute, func(dir string) string {
		dir = filepath.Join(dir, "sasl") // where Debian's looks, whatever main.cf says
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		db := filepath.Join(dir, "db")
		cmd := exec.Command("saslpasswd2", "-p", "-c", "-f", db, "-u", "mx.example.org", "welcome")
		cmd.Stdin = strings.NewReader("pencil, and paper")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		conf := fmt.Sprintf("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\nmech_list: SCRAM-SHA-256 CRAM-MD5 LOGIN PLAIN\n", db)
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "smtpd.conf"), []byte(conf), 0o644), os.Chmod(db, 0o644)); err != nil {
			t.Fatal(err)
		}
		return "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_local_domain = mx.example.org\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\n"
	})
	for _, auth := range []string{"", authSCRAM, authCRAM, authLogin, authPlain} {
		for password, want := range map[string]string{"pencil, and paper": "", "wrong": ReasonConfig} {
			r := newRig(t, p.addr, "http://"+nowhere, func(c *Config) {
				m := &c.Providers.Email[0]
				m.TLS, m.CAFile, m.Username, m.Password, m.Auth = "starttls", p.roots, "welcome", password, auth
			})
			sent, err := r.Send(t.Context(), request(event.ChannelEmail))
			if (err == nil) != (want == "") || event.IsPermanent(err) || want != "" && !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%q with the password %q: %+v, %v", auth, password, sent, err)
			}
		}
	}
	for _, name := range []string{authSCRAM, authCRAM, authLogin, authPlain} {
		if used := fmt.Sprintf("SASL %s authentication failed", strings.ToUpper(name)); !strings.Contains(p.log.String(), used) {
			t.Errorf("%s was not used: the log lacks %q", name, used)
		}
	}
}

// mailbox is a server that takes tokens and no passwords.
type mailbox struct {
	mechanism string
	token     atomic.Pointer[string]
	taken     atomic.Int64
	refused   atomic.Int64
}

type mailboxSession struct {
	counting
	m *mailbox
}

func (s mailboxSession) AuthMechanisms() []string { return []string{s.m.mechanism} }

func (s mailboxSession) Auth(string) (sasl.Server, error) {
	check := func(user, token string) bool {
		ok := user == "welcome@usher.example" && token == *s.m.token.Load()
		if !ok {
			s.m.refused.Add(1)
		}
		return ok
	}
	if s.m.mechanism == sasl.OAuthBearer {
		return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if !check(o.Username, o.Token) {
				return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer"}
			}
			return nil
		}), nil
	}
	return &xoauth2Server{check: check}, nil
}

// xoauth2Server speaks as Google's and Microsoft's servers do: a refusal is a
// challenge with JSON in it, which the client answers with an empty line.
type xoauth2Server struct {
	check   func(user, token string) bool
	refused bool
}

func (x *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if x.refused {
		return nil, true, &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 3}, Message: "Authentication unsuccessful"}
	}
	part := bytes.Split(response, []byte{1})
	user, _ := strings.CutPrefix(string(part[0]), "user=")
	token, _ := strings.CutPrefix(string(part[1]), "auth=Bearer ")
	if x.check(user, token) {
		return nil, true, nil
	}
	x.refused = true
	return []byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}`), false, nil
}

// issuer gives tokens, or an error of the standard.
type issuer struct {
	mu     sync.Mutex
	token  string
	fails  string // an error code; "away" answers 503
	asked  int
	grants []string
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	i.grants = append(i.grants, r.PostFormValue("grant_type")+" "+r.PostFormValue("scope"))
	w.Header().Set("Content-Type", "application/json")
	switch i.fails {
	case "":
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": i.token, "token_type": "Bearer", "expires_in": 3600})
	case "away":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": i.fails, "error_description": "for welcome@usher.example"})
	}
}

func (i *issuer) set(token, fails string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.token, i.fails = token, fails
}

func TestTokensInPlaceOfAPassword(t *testing.T) {
	for _, mechanism := range []string{sasl.OAuthBearer, "XOAUTH2"} {
		t.Run(mechanism, func(t *testing.T) {
			m, i := &mailbox{mechanism: mechanism}, &issuer{}
			set := func(mail, gives, fails string) { m.token.Store(&mail); i.set(gives, fails) }
			addr, conf := m.serve(t)
			endpoint := httptest.NewServer(i)
			defer endpoint.Close()
			r := newRig(t, addr, "http://"+nowhere, func(c *Config) {
				e := &c.Providers.Email[0]
				e.TLS, e.TLSConf, e.Username, e.PerConnection = "starttls", conf, "welcome@usher.example", 1
				e.OAuth2 = &OAuth2{TokenURL: endpoint.URL, ClientID: "usher", ClientSecret: "hunter2", Scopes: []string{"https://mail.example/.default"}}
				if mechanism == "XOAUTH2" {
					e.OAuth2.RefreshToken = "refresh-me"
				}
				c.MaxPause = time.Nanosecond // the gate lets the next one through
			})
			n := 0
			send := func() error {
				n++
				q := request(event.ChannelEmail)
				q.Ordinal = n
				_, err := r.Send(t.Context(), q)
				return err
			}
			set("first", "first", "")
			for range 3 {
				if err := send(); err != nil {
					t.Fatal(err)
				}
			}
			if i.asked != 1 || m.taken.Load() != 3 {
				t.Errorf("%d tokens for %d messages, want one", i.asked, m.taken.Load())
			}
			set("second", "second", "") // the first one was taken back before its end
			if err := send(); err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), ReasonConfig) {
				t.Errorf("with a token that was taken back: %v", err)
			}
			if err := send(); err != nil {
				t.Errorf("with the next token: %v", err)
			}
			set("third", "", "invalid_client")
			_ = send() // drops the second
			if err := send(); err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), ReasonConfig) {
				t.Errorf("the endpoint refuses: %v", err)
			}
			set("third", "", "away")
			if err := send(); err == nil || event.IsPermanent(err) {
				t.Errorf("the endpoint is away: %v", err)
			}
			set("third", "third", "")
			if err := send(); err != nil {
				t.Errorf("all is well again: %v", err)
			}
			if log := r.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "refresh-me") || strings.Contains(log, "third") {
				t.Errorf("the log holds a secret: %s", log)
			}
			want := "client_credentials https://mail.example/.default"
			if mechanism == "XOAUTH2" {
				want = "refresh_token "
			}
			if i.grants[0] != want {
				t.Errorf("asked for %q, want %q", i.grants[0], want)
			}
		})
	}
}

func (m *mailbox) serve(t *testing.T) (addr string, trust *tls.Config) {
	t.Helper()
	_, roots, _ := tlsServer(t, "none")
	h := httptest.NewTLSServer(nil)
	t.Cleanup(h.Close)
	roots.AddCert(h.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return mailboxSession{counting{&m.taken}, m}, nil }))
	s.Domain, s.TLSConfig = "localhost", &tls.Config{Certificates: h.TLS.Certificates}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-served })
	return l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

func TestAuthSettings(t *testing.T) {
	oauth := OAuth2{TokenURL: "https://login.example/token", ClientID: "usher", ClientSecret: "s"}
	with := func(change func(*OAuth2)) *OAuth2 { o := oauth; change(&o); return &o }
	for name, tc := range map[string]struct {
		SMTPConfig
		want string
	}{
		"unknown":                {SMTPConfig{Username: "u", Password: "p", Auth: "gssapi"}, "auth is \"gssapi\", it must be one of plain"},
		"a token of nobody":      {SMTPConfig{Username: "u", Auth: authXOAUTH2}, "needs oauth2"},
		"a password and a token": {SMTPConfig{Username: "u", Password: "p", OAuth2: &oauth}, "give one of them"},
		"plain with a token":     {SMTPConfig{Username: "u", Auth: authPlain, OAuth2: &oauth}, "takes a password"},
		"no mailbox":             {SMTPConfig{OAuth2: &oauth}, "needs a username"},
		"in clear":               {SMTPConfig{Username: "u", OAuth2: with(func(o *OAuth2) { o.TokenURL = "http://login.example/token" })}, "in clear"},
		"no client":              {SMTPConfig{Username: "u", OAuth2: with(func(o *OAuth2) { o.ClientID = "" })}, "client_id is needed"},
		"nothing to show":        {SMTPConfig{Username: "u", OAuth2: with(func(o *OAuth2) { o.ClientSecret = "" })}, "client_secret or refresh_token"},
		"good":                   {SMTPConfig{Username: "u", OAuth2: &oauth}, ""},
	} {
		c := tc.SMTPConfig
		c.Addr, c.From = "mx.example.org:587", "a@example.org"
		if _, err := newSMTP(c, time.Second); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
