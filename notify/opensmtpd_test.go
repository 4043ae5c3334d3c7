package notify

import (
	"fmt"
	"strings"
	"testing"

	"usher/event"
)

// openSMTPD is Debian's, with rules of the test's.
func openSMTPD(rules string) private {
	return private{
		packages: []string{"opensmtpd"}, users: []string{"opensmtpd", "opensmtpq", "ann", "ben"},
		etc: map[string]string{"smtpd.conf": "listen on 127.0.0.1 port $PORT\naction \"in\" maildir\naction \"out\" relay host smtp://127.0.0.1:$PORT2\n" + rules},
		run: `mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/lib/opensmtpd/empty /var/spool/smtpd
exec smtpd -d
`,
	}
}

// OpenSMTPD: what it takes, and whose fault it is when it does not.
func TestRealOpenSMTPD(t *testing.T) {
	s := openSMTPD("match from any for domain \"example.org\" action \"in\"\n").start(t)
	r := serverRig(t, s.addr)
	tell(t, r, []told{
		{"ann@example.org", event.SendAccepted, ""},
		{"nosuch@example.org", "", ReasonRefused},    // 550 Invalid recipient
		{"ann@elsewhere.example", "", ReasonRefused}, // 550 Invalid recipient: no rule relays
		{"jürgen@example.org", event.SendFailed, ReasonSMTPUTF8},
		{"ben@example.org", event.SendAccepted, ""},
	})
	s.found(t, "home/ann/Maildir/new/*", 1)
	// A second greeting is refused (503 5.5.1), and a session ends after 100 messages
	// (4.5.3): neither costs a message anything.
	r = serverRig(t, s.addr, func(c *Config) {
		c.Providers.Email[0].PerConnection, c.Providers.Email[0].Connections = 1000, 1
	})
	for i := range 130 {
		q := requestOf(i)
		q.Email = "ben@example.org"
		if _, err := r.Send(t.Context(), q); err != nil {
			t.Fatal(i, err)
		}
		if i%10 == 0 { // one that opens a transaction which the next message resets
			q = requestOf(1000 + i)
			q.Email = fmt.Sprintf("nosuch%d@elsewhere.example", i)
			if _, err := r.Send(t.Context(), q); err == nil || event.IsPermanent(err) || strings.Contains(err.Error(), ReasonSender) {
				t.Fatal(i, err)
			}
		}
	}
	s.found(t, "home/ben/Maildir/new/*", 131)
}
