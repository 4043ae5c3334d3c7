package notify

import (
	"net"
	"testing"

	"usher/event"
)

// debianSendmail is Debian's, with settings of the test's.
func debianSendmail(settings string) private {
	return private{
		packages: []string{"sendmail-bin", "sendmail-base", "sendmail-cf"}, users: []string{"smmta", "smmsp", "ann", "ben", "grey"},
		etc: map[string]string{
			"hosts": "127.0.0.1 mx.example.org localhost\n127.0.0.2 usher.example.org\n",
			"mail/sendmail.mc": "include(`/usr/share/sendmail/cf/m4/cf.m4')\nOSTYPE(`debian')\nDOMAIN(`debian-mta')\nundefine(`confHOST_STATUS_DIRECTORY')\n" +
				"define(`confDOMAIN_NAME', `mx.example.org')\ndefine(`confTO_IDENT', `0')\ndefine(`confPID_FILE', `$DIR/tmp/pid')\nLOCAL_DOMAIN(`example.org')\n" +
				"FEATURE(`no_default_msa')\nFEATURE(`nocanonify')\nFEATURE(`accept_unresolvable_domains')\nDAEMON_OPTIONS(`Family=inet, Name=MTA, Port=$PORT, Addr=127.0.0.1')\n" +
				"FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')\nFEATURE(`blocklist_recipients')\n" + settings +
				"FEATURE(`local_lmtp', `/usr/libexec/sendmail/mail.local')\nMAILER(`local')\nMAILER(`smtp')\n",
			"mail/access":           "To:grey@example.org ERROR:4.7.1:\"451 greylisted, come back in 1 minute\"\n",
			"mail/aliases":          "postmaster: root\n",
			"mail/local-host-names": "\n",
		},
		run: `mkdir -p /var/spool/mqueue /var/mail $DIR/mail
chmod 1777 $DIR/mail
mount --bind $DIR/mail /var/mail
m4 /etc/mail/sendmail.mc >/etc/mail/sendmail.cf
/usr/libexec/sendmail/makemap hash /etc/mail/access </etc/mail/access
/usr/libexec/sendmail/sendmail -bi -C/etc/mail/sendmail.cf
exec /usr/libexec/sendmail/sendmail -bD -C/etc/mail/sendmail.cf
`,
	}
}

// sendmail: what it takes, and whose fault it is when it does not.
func TestRealSendmail(t *testing.T) {
	s := debianSendmail("").start(t)
	// From 127.0.0.1 everything is relayed, whatever the settings say.
	from := func(c *Config) {
		c.Providers.Email[0].Dial = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext
	}
	r := serverRig(t, s.addr, from)
	tell(t, r, []told{
		{"ann@example.org", event.SendAccepted, ""},
		{"nosuch@example.org", event.SendFailed, ReasonRecipient},
		{"ann@elsewhere.example", "", ReasonConfig}, // 550 5.7.1 Relaying denied
		{"grey@example.org", "", ReasonDeferred},
		{"jürgen@example.org", event.SendFailed, ReasonSMTPUTF8},
		{"ben@example.org", event.SendAccepted, ""},
	})
	s.found(t, "mail/ann", 1)
}

// A server that takes small messages only says so of the message, and not of the
// sender at whose turn it says it.
func TestRealSendmailTakesSmallMessagesOnly(t *testing.T) {
	s := debianSendmail("define(`confMAX_MESSAGE_SIZE', `1000')\n").start(t)
	tell(t, serverRig(t, s.addr), []told{{"ann@example.org", "", ReasonContent}}) // 552 5.2.3 at MAIL
}
