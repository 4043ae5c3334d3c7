package notify

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"usher/event"
	"usher/streams/natstest"
)

// postfix is Debian's, with a configuration of its own on a free port. It
// delivers mail for example.org into a folder.
type postfix struct {
	addr  string
	roots string // file with the certificate to trust
	box   string
	log   *natstest.Output
}

const masterCF = `
%[1]s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

const mainCF = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
smtpd_helo_required = yes
smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
mydestination =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.org
virtual_mailbox_base = %[1]s/box
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:%[2]s
virtual_gid_maps = static:%[3]s
virtual_minimum_uid = 1
virtual_transport = virtual
smtputf8_enable = yes
in_flow_delay = 0
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = %[1]s/key.pem
smtpd_recipient_restrictions =
  check_recipient_access inline:{
    { nobody@example.org = 550 5.1.1 no such user },
    { full@example.org = 452 4.2.2 the mailbox is full },
    { later@example.org = 451 4.7.1 come again },
    { spam@example.org = 550 5.7.1 not from you } }
  reject_unauth_destination
smtpd_client_restrictions =
header_checks = regexp:%[1]s/headers
smtpd_hard_error_limit = 3
smtpd_soft_error_limit = 3
smtpd_error_sleep_time = 0
smtpd_timeout = %[4]s
`

// startPostfix starts one that closes unused connections after idle. more may put
// files into the folder with its configuration, and returns more of main.cf.
func startPostfix(t testing.TB, idle time.Duration, more ...func(dir string) string) *postfix {
	t.Helper()
	if _, err := exec.LookPath("postfix"); err != nil || os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("postfix and root are needed: .ci/run installs the one")
		}
		t.Skip("needs postfix (apt-get install postfix) and root")
	}
	dir, err := os.MkdirTemp("", "usher-postfix") // short, for its sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &postfix{box: filepath.Join(dir, "box"), roots: filepath.Join(dir, "roots.pem"), log: &natstest.Output{}}
	h := httptest.NewTLSServer(nil) // for its certificate
	defer h.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	key, err := x509.MarshalPKCS8PrivateKey(h.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	settings := ""
	for _, f := range more {
		settings += f(dir)
	}
	owner := strings.Fields(output(t, "id", "-u", "postfix") + " " + output(t, "id", "-g", "postfix"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	_ = l.Close()
	for name, content := range map[string]string{
		"main.cf":   fmt.Sprintf(mainCF, dir, owner[0], owner[1], fmt.Sprintf("%ds", int(idle.Seconds()))) + settings,
		"master.cf": fmt.Sprintf(masterCF, p.addr),
		"headers":   "/^Subject: .*Mallory/ REJECT\n",
		"roots.pem": string(certificate),
		"key.pem":   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})) + string(certificate),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"queue", "data", "box"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	output(t, "chown", "postfix:postfix", filepath.Join(dir, "data"), p.box)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("postfix", "-c", dir, "start-fg")
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("postfix", "-c", dir, "stop").Run()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", p.addr); err == nil {
			conn.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal("postfix does not start")
		}
	}
}

func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	b, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, b)
	}
	return string(b)
}

// delivered waits until so many messages are in the folder.
func (p *postfix) delivered(t *testing.T, n int) (mails []string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(p.box, "all", "new", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= n || time.Now().After(deadline) {
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				mails = append(mails, string(b))
			}
			if len(mails) != n {
				t.Fatalf("postfix delivered %d messages, want %d", len(mails), n)
			}
			return mails
		}
	}
}

func postfixRig(t *testing.T, p *postfix, change ...func(*Config)) *rig {
	t.Helper()
	return newRig(t, p.addr, "http://"+nowhere, append(change, func(c *Config) {
		m := &c.Providers.Email[0]
		m.TLS, m.CAFile, m.Connections = "starttls", p.roots, 2
	})...)
}

// Both sides speak as others do: the server is Debian's postfix.
func TestRealServer(t *testing.T) {
	p := startPostfix(t, time.Minute)
	r := postfixRig(t, p)
	var queued []string
	for i, name := range []string{"Ann Secret", "Jürgen 😀 .", "山田"} {
		q := requestOf(i)
		q.Name = name
		if i == 2 {
			q.Email, q.Locale = "jürgen@example.org", "de-AT" // SMTPUTF8
		}
		sent, err := r.Send(t.Context(), q)
		if err != nil || sent.ProviderID == "" {
			t.Fatalf("%s: %+v, %v", name, sent, err)
		}
		queued = append(queued, sent.ProviderID)
	}
	for _, mail := range p.delivered(t, 3) {
		e, err := enmime.ReadEnvelope(strings.NewReader(mail))
		if err != nil || len(e.Errors) > 0 {
			t.Fatalf("%v %v", err, e.Errors)
		}
		if e.GetHeader("Message-ID") == "" || !strings.Contains(e.Text+e.HTML, "</html>") || len(e.Text) == 0 || e.GetHeader("X-Usher-Message") == "" {
			t.Error(mail)
		}
	}
	for _, id := range queued {
		if !strings.Contains(p.log.String(), id+": ") {
			t.Errorf("postfix knows no queue id %s", id)
		}
	}
	// Refusals of every kind; more than three of them make postfix close the
	// connection with 421, which costs no message anything.
	for i, tc := range []struct {
		address, name string
		state         event.SendState
		reason        string
	}{
		{"nobody@example.org", "", event.SendFailed, ReasonRecipient},
		{"full@example.org", "", "", ReasonMailboxFull},
		{"later@example.org", "", "", ReasonDeferred},
		{"spam@example.org", "", "", ReasonRefused},
		{"nobody@example.org", "", event.SendFailed, ReasonRecipient},
		{"someone@elsewhere.example", "", "", ReasonConfig}, // 554 5.7.1 Relay access denied
		{"ann@example.org", "Mallory", "", ReasonContent},
		{"ann@example.org", "Ann", event.SendAccepted, ""},
	} {
		q := requestOf(10 + i)
		q.Email, q.Name = tc.address, tc.name
		sent, err := r.Send(t.Context(), q)
		if sent.State != tc.state || (err == nil) != (tc.reason == "") || err != nil && !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%d, %s: %q, %v", i, tc.address, sent.State, err)
		}
	}
	p.delivered(t, 4)
}

// A server that closes idle connections before the pool does costs nothing.
func TestARealServerClosesIdleConnections(t *testing.T) {
	p := startPostfix(t, time.Second)
	r := postfixRig(t, p)
	for i := range 3 {
		if _, err := r.Send(t.Context(), requestOf(i)); err != nil {
			t.Fatal(i, err)
		}
		if i < 2 {
			waitForLog(t, p, "timeout after END-OF-MESSAGE", i+1)
		}
	}
	p.delivered(t, 3)
}

func waitForLog(t *testing.T, p *postfix, text string, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); strings.Count(p.log.String(), text) < n; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("postfix does not say %q", text)
		}
	}
}

// A regression of issue 19: the name that a container has by itself is refused at
// RCPT (504 5.5.2). Nobody fails, and with the mended name all are sent. A limit of
// messages is the provider's, and a message that meets it is sent later.
func TestRealServerSetUpWrongly(t *testing.T) {
	p := startPostfix(t, time.Minute, func(string) string {
		return "smtpd_client_message_rate_limit = 3\nanvil_rate_time_unit = 2s\nsmtpd_client_event_limit_exceptions =\n"
	})
	r := postfixRig(t, p, func(c *Config) { c.Providers.Email[0].Helo = "localhost" })
	before := r.ledger
	for i := range 3 {
		q := requestTo(i)
		if sent, err := r.Send(t.Context(), q); sent.State != "" || !event.IsPaused(err) || i == 0 && !strings.Contains(err.Error(), ReasonConfig) {
			t.Fatalf("%d: %+v, %v", i, sent, err)
		}
	}
	r = postfixRig(t, p, func(c *Config) { c.Ledger = before })
	g, limited := r.channels[event.ChannelEmail][0].gate, false
	for i := range 5 {
		for deadline := time.Now().Add(20 * time.Second); ; {
			sent, err := r.Send(t.Context(), requestTo(i))
			if err == nil {
				break
			}
			if sent.State != "" || event.IsPermanent(err) || !strings.Contains(err.Error(), ReasonRateLimited) || time.Now().After(deadline) {
				t.Fatalf("%d: %+v, %v", i, sent, err)
			}
			limited = true
			g.leave(nil)
			time.Sleep(50 * time.Millisecond)
		}
	}
	if !limited {
		t.Error("postfix limits nothing")
	}
	p.delivered(t, 5)
}
