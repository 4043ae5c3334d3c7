package console

import (
	"bufio"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"usher/console/signon"
)

// oidcModules is where .ci/run puts the library of the issuer.
const oidcModules = "/opt/oidc-provider/node_modules"

// startOIDCProvider runs an issuer of Node's for a console, and returns its address.
func startOIDCProvider(t *testing.T, home, secret string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.Join(oidcModules, "oidc-provider")); err != nil || missing != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node and " + oidcModules + " are needed: .ci/run installs them")
		}
		t.Skip("needs node, and npm install --prefix /opt/oidc-provider of the package that .ci/run names")
	}
	dir := t.TempDir()
	program, err := os.ReadFile("testdata/oidc-provider.mjs")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "issuer.mjs"), program, 0o600)
	}
	if err == nil {
		err = os.Symlink(oidcModules, filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "issuer.mjs")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "HOME_OF_USHER="+home, "CLIENT_SECRET="+secret), t.Output()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://") {
			return lines.Text()
		}
	}
	t.Fatal("the issuer did not start")
	return ""
}

var (
	formAction = regexp.MustCompile(`action="([^"]+)"`)
	formHidden = regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`)
)

// sends fills the form of a page in, and sends it.
func sends(t *testing.T, c *http.Client, on *http.Response, body string, more url.Values) (*http.Response, string) {
	t.Helper()
	m := formAction.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("%s at %s has no form:\n%s", on.Status, on.Request.URL, body)
	}
	to, err := on.Request.URL.Parse(html.UnescapeString(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range formHidden.FindAllStringSubmatch(body, -1) {
		if !more.Has(h[1]) {
			more.Set(h[1], html.UnescapeString(h[2]))
		}
	}
	return page(t, c, "POST", to.String(), more)
}

// With an issuer that others have made, which is certified: a person signs in on its pages,
// signs out at it, and is out wherever that sign-in was used.
func TestACertifiedIssuer(t *testing.T) {
	const secret = "a secret: for this+test/"
	r := newRig(t)
	r.change = func(c *Config) {
		c.URL = "http://" + c.Listener.Addr().String()
		of, err := signon.New(signon.Config{URL: startOIDCProvider(t, c.URL, secret), ClientID: "usher", Secret: secret, Groups: "groups", Scopes: []string{"profile"}})
		if err != nil {
			t.Fatal(err)
		}
		c.Issuer, c.Grants = of, testGrants(t)
	}
	r.run()
	r.eventually("the issuer is known", func() bool { _, _, err := r.console.Issuer.Begin(""); return err == nil })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	home, _ := url.Parse(r.base)
	begin := func() (*http.Response, string) {
		t.Helper()
		resp, body := page(t, c, "POST", r.base+signOnPath, url.Values{"next": {"/account"}})
		m := onward.FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("a sign-in begins: %s\n%s", resp.Status, body)
		}
		return page(t, c, "GET", html.UnescapeString(m[1]), nil)
	}
	resp, body := begin()
	resp, body = sends(t, c, resp, body, url.Values{"login": {"ann.crm.hr"}, "password": {"any"}})
	if resp.Request.URL.Path != "/account" { // it asks whether usher may know
		resp, body = sends(t, c, resp, body, url.Values{})
	}
	if resp.Request.URL.Host != home.Host || resp.Request.URL.Path != "/account" || !strings.Contains(body, "<strong>ann</strong>") || !strings.Contains(body, "verifier for crm, hr") {
		t.Fatalf("signed in: %s at %s\n%s", resp.Status, resp.Request.URL, body)
	}
	// The same person in another tab of another window, who is not asked again.
	before := cookieOf(jar, home, sessionCookie)
	jar.SetCookies(home, []*http.Cookie{{Name: sessionCookie, MaxAge: -1, Path: "/"}})
	if resp, body = begin(); resp.Request.URL.Path != "/account" {
		t.Fatalf("signed in again: %s at %s\n%s", resp.Status, resp.Request.URL, body)
	}
	first := browser(t)
	first.Jar.SetCookies(home, []*http.Cookie{before})
	if !r.inside(first) {
		t.Fatal("the first session is over too early")
	}
	resp, body = page(t, c, "POST", r.base+"/signout", nil)
	m := onward.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("a sign-out: %s\n%s", resp.Status, body)
	}
	resp, body = page(t, c, "GET", html.UnescapeString(m[1]), nil)
	resp, body = sends(t, c, resp, body, url.Values{"logout": {"yes"}})
	if resp.Request.URL.String() != r.base+"/signin" {
		t.Errorf("after the sign-out: %s at %s\n%s", resp.Status, resp.Request.URL, body)
	}
	r.eventually("the issuer has said so", func() bool { return !r.inside(first) })
	if resp, body = begin(); !strings.Contains(body, `name="login"`) {
		t.Errorf("the issuer asks again who it is: %s\n%s", resp.Status, body)
	}
}

func cookieOf(jar http.CookieJar, at *url.URL, name string) *http.Cookie {
	for _, c := range jar.Cookies(at) {
		if c.Name == name {
			return &http.Cookie{Name: c.Name, Value: c.Value, Path: "/"}
		}
	}
	return nil
}
