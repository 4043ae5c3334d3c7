package notify

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"
)

// encrypted asks a server for encryption (RFC 3207), and returns the connection on
// which it is then spoken to. The library does that too, but says EHLO localhost
// before, which a server elsewhere may refuse.
func (t *smtpTransport) encrypted(network net.Conn) (net.Conn, error) {
	plain := t.overheard(network)
	c := smtp.NewClient(plain)
	c.CommandTimeout = t.StepTimeout
	if err := c.Hello(t.helo(network.LocalAddr())); err != nil {
		return nil, t.connectFailure(err)
	}
	if offered, _ := c.Extension("STARTTLS"); !offered {
		t.Said.hear("STARTTLS is not offered")
		return nil, configFailure("the SMTP server does not offer STARTTLS")
	}
	if _, err := io.WriteString(plain, "STARTTLS\r\n"); err != nil {
		return nil, t.connectFailure(err)
	}
	// What the server sends after its reply is TLS, so not a byte more is read. What
	// came before stays with c, and is forgotten: it may be anybody's.
	reply, err := readReply(plain)
	if err != nil {
		return nil, t.connectFailure(err)
	}
	if code, _ := strconv.Atoi(reply[:3]); code != 220 {
		refused := &smtp.SMTPError{Code: code, Message: strings.TrimSpace(reply[3:])}
		status, text, _ := strings.Cut(refused.Message, " ")
		if e := &refused.EnhancedCode; enhanced.MatchString(status) {
			_, _ = fmt.Sscanf(status, "%d.%d.%d", &e[0], &e[1], &e[2])
			refused.Message = text
		}
		return nil, t.connectFailure(refused)
	}
	return &replayed{Conn: t.overheard(tls.Client(network, t.TLSConf)), first: reply + "\r\n"}, nil
}

var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}$`)

// mostReply bounds a reply to STARTTLS, in bytes.
const mostReply = 4096

// readReply reads one reply byte by byte and returns its last line, without its end.
func readReply(r io.Reader) (string, error) {
	line, b := []byte(nil), make([]byte, 1)
	for range mostReply {
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		if line = append(line, b[0]); b[0] != '\n' {
			continue
		}
		s := strings.TrimRight(string(line), "\r\n")
		switch {
		case len(s) < 3:
			return "", errors.New("this is not an SMTP reply")
		case len(s) == 3 || s[3] == ' ':
			return s, nil
		}
		line = line[:0]
	}
	return "", errors.New("the reply does not end")
}

// replayed is a connection that says its first words once more: the library wants
// to be greeted, and a server does that only before the encryption.
type replayed struct {
	net.Conn
	first string
}

func (r *replayed) Read(b []byte) (int, error) {
	if r.first == "" {
		return r.Conn.Read(b)
	}
	n := copy(b, r.first)
	r.first = r.first[n:]
	return n, nil
}

// overheard is conn, with its words told to the one that probes the server.
func (t *smtpTransport) overheard(conn net.Conn) net.Conn {
	if t.ear == nil {
		return conn
	}
	return &heard{Conn: conn, ear: t.ear}
}

// ear writes a dialog down, without what signs in.
type ear struct {
	dialog strings.Builder
	secret bool // between AUTH and the reply that ends it
}

func (e *ear) client(line string) {
	if verb, rest, _ := strings.Cut(line, " "); strings.EqualFold(verb, "AUTH") {
		mechanism, _, _ := strings.Cut(rest, " ")
		e.secret, line = true, verb+" "+mechanism+" "+mask
	} else if e.secret {
		line = mask
	}
	e.dialog.WriteString(line + "\n")
}

func (e *ear) server(line string) {
	if e.secret && strings.HasPrefix(line, "334") {
		line = "334 " + mask
	} else {
		e.secret = e.secret && strings.HasPrefix(line, "334")
	}
	e.dialog.WriteString("    " + strings.ToValidUTF8(line[:min(len(line), mostWords)], "\ufffd") + "\n")
}

// heard is a connection whose lines are told to an ear.
type heard struct {
	net.Conn
	ear     *ear
	in, out strings.Builder
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	lines(&h.in, b[:n], h.ear.server)
	return n, err
}

func (h *heard) Write(b []byte) (int, error) {
	lines(&h.out, b, h.ear.client)
	return h.Conn.Write(b)
}

// lines adds b to what has come of a line, and tells each that is whole.
func lines(part *strings.Builder, b []byte, tell func(string)) {
	part.Write(b)
	all := part.String()
	for {
		line, rest, whole := strings.Cut(all, "\n")
		if !whole {
			break
		}
		tell(strings.TrimRight(line, "\r"))
		all = rest
	}
	part.Reset()
	part.WriteString(all)
}

// dialogOr is what was said so far, or that nothing was.
func (e *ear) dialogOr(nothing string) string { return cmp.Or(e.dialog.String(), nothing) }

// connectFailure tells a TLS trouble, which an operator must mend, from a network
// that is away.
func (t *smtpTransport) connectFailure(err error) *failure {
	var cert *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var network net.Error
	switch {
	case errors.As(err, &cert), errors.As(err, &header):
		t.Said.hear("%v", err)
		return configFailure("TLS with the SMTP server fails")
	case !isReply(err) && !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		t.Said.hear("%v", err)
		return configFailure("the SMTP server does not speak as configured, such as without STARTTLS")
	}
	return t.failure(phaseConnect, err)
}

func isReply(err error) bool {
	var reply *smtp.SMTPError
	return errors.As(err, &reply)
}
