package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"usher/event"
	"usher/streams/natstest"
)

const (
	proxiedHost = "usher.example.org"
	proxied     = "https://" + proxiedHost + "/base"
)

// blocks are the configurations of a page of the docs in one language.
func blocks(t *testing.T, page, language string) (out []string) {
	t.Helper()
	b, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllSubmatch(b, -1) {
		out = append(out, string(m[1])+"\n")
	}
	if len(out) == 0 {
		t.Fatalf("docs/%s has no configuration in %s", page, language)
	}
	return out
}

// proxy is a program with its configuration on a page of the docs.
type proxy struct {
	program, from, language string
	listen                  string // how the configuration says where it listens: words, and the address %s in its place
	// around is a whole configuration for one that listens at an address, with folder for
	// everything that it writes.
	around func(config, address, folder string) string
	args   func(config, folder string) []string
	strict bool // answers nothing under a name that it does not know
}

func unprivileged(line string) string { // of a server that was started by root
	if os.Getuid() == 0 {
		return line
	}
	return ""
}

var proxyPrograms = map[string]proxy{
	"Caddy": {
		program: "caddy", from: "caddy", language: "caddy", strict: true,
		around: func(config, address, _ string) string {
			host, port, _ := net.SplitHostPort(address)
			return fmt.Sprintf("{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n\tdefault_bind %s\n\thttps_port %s\n}\n", host, port) + config
		},
		args: func(config, _ string) []string { return []string{"run", "--adapter", "caddyfile", "--config", config} },
	},
	"nginx": {
		program: "nginx", from: "nginx-light", language: "nginx", listen: "listen 443|listen %s",
		around: func(config, _, folder string) string {
			paths := ""
			for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				paths += fmt.Sprintf("%s_temp_path %s/%[1]s; ", of, folder)
			}
			return unprivileged("user root; ") + "daemon off; worker_processes 1; error_log stderr; pid " + folder + "/pid; events {}\nhttp { access_log off; " + paths + "\n" + config + "}\n"
		},
		args: func(config, folder string) []string { return []string{"-p", folder, "-e", "stderr", "-c", config} },
	},
	"HAProxy": {
		program: "haproxy", from: "haproxy", language: "haproxy", listen: "bind :443|bind %s",
		around: func(config, _, _ string) string { return config },
		args:   func(config, _ string) []string { return []string{"-db", "-f", config} },
	},
	"Apache": {
		program: "apache2", from: "apache2", language: "apache", listen: "<VirtualHost *:443>|<VirtualHost %s>",
		around: func(config, address, folder string) string {
			out := "ServerRoot " + folder + "\nServerName localhost\nPidFile pid\nErrorLog /dev/stderr\nListen " + address + "\n" + unprivileged("User www-data\nGroup www-data\n")
			for _, m := range []string{"mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http"} {
				out += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", m)
			}
			return out + config
		},
		args: func(config, _ string) []string { return []string{"-D", "FOREGROUND", "-f", config} },
	},
}

// startProxy runs a proxy with the configuration of a page, with other addresses in the
// places of those that the page has, and returns where it listens.
func startProxy(t *testing.T, p proxy, page, certificates string, places map[string]string) string {
	t.Helper()
	path, err := exec.LookPath(p.program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + p.program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is needed: apt-get install %s", p.program, p.from)
			}
			t.Skipf("needs Debian's package %s", p.from)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	folder := t.TempDir()
	config := blocks(t, page, p.language)[0]
	listen, on, _ := strings.Cut(p.listen, "|")
	places = maps.Clone(places)
	places["/etc/usher/tls"], places[listen] = certificates, strings.ReplaceAll(on, "%s", address)
	for from, to := range places {
		if !strings.Contains(config, from) {
			t.Fatalf("the configuration of the page has no %q", from)
		}
		if from != "" {
			config = strings.ReplaceAll(config, from, to)
		}
	}
	file := filepath.Join(folder, "config")
	if err := os.WriteFile(file, []byte(p.around(config, address, folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	var log natstest.Output
	cmd := exec.Command(path, p.args(file, folder)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s says:\n%s", p.program, log.String())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return address
		}
		select {
		case <-ended:
			t.Fatalf("%s has ended:\n%s", p.program, log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v\n%s", p.program, err, log.String())
		}
	}
}

// certify makes a certificate for the host of the page.
func certify(t *testing.T) (folder string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxiedHost}, DNSNames: []string{proxiedHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, secret := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	folder = t.TempDir()
	for name, b := range map[string][]byte{"cert.pem": cert, "key.pem": secret, "both.pem": append(bytes.Clone(cert), secret...)} {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return folder, pool
}

// visitor is a browser at 127.0.0.2 that reaches everything at one address.
func visitor(t *testing.T, address string, c *tls.Config) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return from.DialContext(ctx, network, address)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: tr}
}

// Through each proxy, configured as docs/proxy.md says, people and programs do all that
// the console is for.
func TestTheProxiesOfThePage(t *testing.T) {
	var settings struct {
		ConsoleURL     string   `yaml:"console-url"`
		TrustedProxies []string `yaml:"trusted-proxies"`
	}
	if err := yaml.Unmarshal([]byte(blocks(t, "proxy.md", "yaml")[0]), &settings); err != nil {
		t.Fatal(err)
	}
	d := startDesk(t, false, func(_, web *Config) {
		web.ConsoleURL, web.TrustedProxies = settings.ConsoleURL, settings.TrustedProxies
	})
	at := strings.TrimSuffix(strings.TrimPrefix(d.base, "http://"), "/base")
	folder, pool := certify(t)
	for name, p := range proxyPrograms {
		t.Run(name, func(t *testing.T) {
			address := startProxy(t, p, "proxy.md", folder, map[string]string{"127.0.0.1:8080": at})
			v := visit{T: t, desk: d, browser: visitor(t, address, &tls.Config{RootCAs: pool}), id: "u-" + strings.ToLower(name)}
			v.people()
			v.decision()
			v.program()
			v.stream()
			v.upload()
			v.forged(address, at)
			v.wrongHost(visitor(t, address, &tls.Config{InsecureSkipVerify: true}), p.strict)
			v.leave()
		})
	}
}

// visit is one way through a proxy.
type visit struct {
	*testing.T
	desk    *uploadDesk
	browser *http.Client
	id      string // of a user
}

func (v visit) ask(method, at string, form url.Values, header ...string) (*http.Response, string) {
	v.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
		header = append(header, "Content-Type", "application/x-www-form-urlencoded")
	}
	return v.send(v.browser, method, at, body, header...)
}

func (v visit) send(c *http.Client, method, at string, body io.Reader, header ...string) (*http.Response, string) {
	v.Helper()
	req, err := http.NewRequestWithContext(v.Context(), method, at, body)
	if err != nil {
		v.Fatal(err)
	}
	req.Header.Set("Origin", "https://"+proxiedHost)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		v.Fatalf("%s %s: %v", method, at, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.Fatalf("%s %s: %v", method, at, err)
	}
	return resp, string(b)
}

// is fails the test unless a page was reached, and has a text.
func (v visit) is(what string, resp *http.Response, body, address, has string) {
	v.Helper()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.String() != proxied+address || !strings.Contains(body, has) {
		v.Fatalf("%s: %s at %s, want %q at %s:\n%.2000s", what, resp.Status, resp.Request.URL, has, proxied+address, body)
	}
}

// people sign in, and get pages with their style and scripts.
func (v visit) people() {
	v.Helper()
	resp, body := v.ask("GET", proxied+"/", nil)
	v.is("the first page", resp, body, "/signin?next=%2F", `action="/base/signin"`)
	static := regexp.MustCompile(`(?:href|src)="(/base/static/[^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(static) != 2 {
		v.Fatalf("the page has the style and scripts %q", static)
	}
	for _, m := range static {
		resp, body := v.ask("GET", "https://"+proxiedHost+m[1], nil)
		if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") || len(body) < 100 || resp.ProtoMajor != 2 {
			v.Errorf("%s: %s %s %q", m[1], resp.Proto, resp.Status, resp.Header)
		}
	}
	resp, body = v.ask("POST", proxied+"/signin", url.Values{"user": {"admin"}, "password": {deskPassword}, "next": {"/account"}})
	v.is("the sign-in", resp, body, "/account", `data-label="From">127.0.0.2<`)
	home, _ := url.Parse(proxied + "/signin")
	var names []string
	for _, c := range v.browser.Jar.Cookies(home) {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); !strings.Contains(got, "__Host-usher_session.base") || !strings.Contains(got, "__Secure-usher_browser") {
		v.Errorf("the cookies are %s", got)
	}
	resp, body = v.ask("POST", proxied+"/accounts", url.Values{"name": {strings.ToLower(v.id)}, "role": {"viewer"}})
	v.is("an invite", resp, body, "/accounts", proxied+"/invite/")
}

// decision is one on a page.
func (v visit) decision() {
	v.Helper()
	v.waits(v.id)
	resp, body := v.ask("POST", proxied+"/users/"+v.id+"/decision", url.Values{"decision": {"approved"}, "event_id": {event.NewID()}})
	v.is("the decision", resp, body, "/users/"+v.id, v.id)
	v.desk.eventually("the decision is an event", func() bool {
		s, err := v.desk.js.Stream(v.Context(), event.StreamVerifications)
		if err != nil {
			return false
		}
		m, err := s.GetLastMsgForSubject(v.Context(), event.VerificationSubject(event.SourceConsole, "approved"))
		return err == nil && strings.Contains(string(m.Data), v.id)
	})
}

// waits brings a user who waits.
func (v visit) waits(id string) {
	v.Helper()
	user, err := json.Marshal(event.User{UserID: id, Name: "Ann", Email: id + "@example.org", Import: event.Import{ID: "imp", File: "a.csv", Line: 2}})
	if err == nil {
		_, err = v.desk.js.Publish(v.Context(), event.ImportedSubject("inbox"), user)
	}
	if err != nil {
		v.Fatal(err)
	}
}

// program uses the API with a token.
func (v visit) program() {
	v.Helper()
	resp, body := v.ask("POST", proxied+"/tokens", url.Values{"name": {v.id}, "role": {"viewer"}, "days": {"1"}})
	token := regexp.MustCompile(`usher_[A-Za-z0-9_-]{20,}`).FindString(body)
	if resp.StatusCode != http.StatusOK || token == "" {
		v.Fatalf("a token: %s\n%.2000s", resp.Status, body)
	}
	tr := v.browser.Transport
	resp, body = v.send(&http.Client{Transport: tr}, "GET", proxied+"/api/v1/users/"+v.id, nil, "Authorization", "Bearer "+token)
	v.is("the API", resp, body, "/api/v1/users/"+v.id, `"user_id":"`+v.id+`"`)
	resp, _ = v.send(&http.Client{Transport: tr}, "GET", proxied+"/api/v1/users", nil)
	if resp.StatusCode != http.StatusUnauthorized {
		v.Errorf("the API without a token: %s", resp.Status)
	}
}

// stream shows each change at once: long before the sign of life that would push what a
// proxy has held back.
func (v visit) stream() {
	v.Helper()
	ctx, cancel := context.WithCancel(v.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", proxied+"/live", nil)
	if err != nil {
		v.Fatal(err)
	}
	opened := time.Now()
	resp, err := v.browser.Do(req)
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		v.Fatalf("the stream: %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
			}
		}
	}()
	until := func(what string, is func(string) bool) {
		v.Helper()
		for {
			select {
			case line, ok := <-lines:
				if !ok || strings.HasPrefix(line, ": still") {
					v.Fatalf("the stream brings %q before %s, after %s", line, what, time.Since(opened))
				}
				if is(line) {
					return
				}
			case <-time.After(time.Minute):
				v.Fatalf("the stream brings nothing")
			}
		}
	}
	until("its position", func(line string) bool { return line == "event: resync" })
	for n := range 3 {
		id := fmt.Sprint(v.id, "-", n)
		v.waits(id)
		until(id, func(line string) bool { return strings.Contains(line, `"`+id+`"`) })
	}
}

// upload brings a file that is larger than what proxies let through by themselves.
func (v visit) upload() {
	v.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	err := w.WriteField("inbox", event.SourceInbox)
	var file io.Writer
	if err == nil {
		file, err = w.CreateFormFile("file", v.id+".csv")
	}
	if err == nil {
		_, err = io.WriteString(file, "user_id,email\n"+v.id+",ann@example.org\n"+strings.Repeat("\n", 3<<20))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		v.Fatal(err)
	}
	resp, body := v.send(v.browser, "POST", proxied+"/uploads", &b, "Content-Type", w.FormDataContentType())
	at := resp.Request.URL
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(at.String(), proxied+"/uploads/") || !strings.Contains(body, "3.1 MB") {
		v.Fatalf("the upload: %s at %s\n%.2000s", resp.Status, at, body)
	}
	resp, body = v.ask("POST", at.String(), url.Values{"do": {"discard"}})
	v.is("the upload is discarded", resp, body, "/imports", "was discarded")
}

// forged says who one is: through the proxy, which adds the truth, and past it.
func (v visit) forged(proxy, console string) {
	v.Helper()
	in := url.Values{"user": {"admin"}, "password": {deskPassword}, "next": {"/account"}}
	b := visitor(v.T, proxy, v.browser.Transport.(*http.Transport).TLSClientConfig)
	resp, body := v.send(b, "POST", proxied+"/signin", strings.NewReader(in.Encode()), "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", "203.0.113.66")
	v.is("a sign-in through the proxy", resp, body, "/account", `data-label="From">127.0.0.2<`)
	if strings.Contains(body, "203.0.113.66") {
		v.Error("through the proxy an invented address is believed")
	}
	b = visitor(v.T, console, nil)
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, _ = v.send(b, "POST", "http://"+proxiedHost+"/base/signin", strings.NewReader(in.Encode()), "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", "203.0.113.66")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/base/account" {
		v.Fatalf("a sign-in past the proxy: %s", resp.Status)
	}
	if _, body := v.ask("GET", proxied+"/account", nil); strings.Contains(body, "203.0.113.66") {
		v.Error("past the proxy an invented address is believed")
	}
}

// wrongHost comes under a name that is not the console's.
func (v visit) wrongHost(b *http.Client, strict bool) {
	v.Helper()
	if strict {
		resp, err := b.Get("https://other.example.org/base/signin")
		if err != nil {
			return // it has no certificate for that
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || strings.Contains(string(body), "usher") {
			v.Errorf("another host: %s %s %v", resp.Status, body, err)
		}
		return
	}
	resp, body := v.send(b, "GET", "https://other.example.org/base/signin", nil)
	if resp.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, "set --console-url to the address that they open, such as https://other.example.org/") {
		v.Errorf("another host: %s %s", resp.Status, body)
	}
}

// leave signs out.
func (v visit) leave() {
	v.Helper()
	resp, body := v.ask("POST", proxied+"/signout", url.Values{})
	v.is("the sign-out", resp, body, "/signin", `id="password"`)
	resp, body = v.ask("GET", proxied+"/users", nil)
	v.is("signed out", resp, body, "/signin?next=%2Fusers", `id="password"`)
}
