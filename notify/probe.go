package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
)

// Probed is what a provider said when it was asked as far as can be without
// sending anything.
type Probed struct {
	Provider string
	Dialog   string // what was said, in both directions; secrets are masked
	Reason   string // why it would not take the message, of the bounded set; "": nothing is against it
	Notes    []string
}

// Says tells in words what is to be expected of the provider.
func (p Probed) Says() string {
	switch p.Reason {
	case "":
		return "it would take a message, as far as can be told without sending one"
	case ReasonDeferred:
		return "it puts this recipient off (" + p.Reason + "): a message would be tried again"
	}
	return fmt.Sprintf("it would refuse a message (%s): %s", p.Reason, event.Explain(p.Reason))
}

// Probe asks each provider of a channel, the preferred one first, what would become
// of a message to that recipient, and sends none. Without a recipient of e-mail it
// is the sender. Nothing is written anywhere, and no provider is paused.
func (s *Sender) Probe(ctx context.Context, channel, to string) ([]Probed, error) {
	if to != "" && !s.allowed.has(to) {
		return nil, fmt.Errorf("%s: the allow-list of this system does not have the recipient", ReasonNotAllowed)
	}
	var out []Probed
	for _, p := range s.channels[channel] {
		result := p.probe(ctx, to)
		result.Provider = p.name
		out = append(out, result)
	}
	return out, nil
}

// reasonOf is the reason of a failure; of any other error that usher cannot go on.
func reasonOf(err error) string {
	var f *failure
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.reason
	}
	return ReasonTransient
}

// probe speaks to the server as a message does, up to its recipient.
func (t *smtpTransport) probe(ctx context.Context, to string) Probed {
	own := *t
	own.ear = &ear{}
	var notes, heard []string
	own.Said = func(words string) { heard = append(heard, words) }
	err := own.try(ctx, cmp.Or(to, t.from.Address), &notes)
	if f := (*failure)(nil); errors.As(err, &f) && !errors.As(f.err, new(codeError)) { // else the dialog has it
		notes = append(notes, f.err.Error())
		notes = append(notes, heard...)
	}
	return Probed{Dialog: own.ear.dialogOr("(nothing was said)\n"), Reason: reasonOf(err), Notes: notes}
}

func (t *smtpTransport) try(ctx context.Context, to string, notes *[]string) error {
	rcpt, utf8, err := envelopeAddress(to)
	if err != nil {
		return &failure{reason: ReasonRecipient, ours: true, err: err}
	}
	c, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer c.abort()
	defer context.AfterFunc(ctx, c.abort)()
	switch takes, _ := c.Extension("SMTPUTF8"); {
	case !takes && utf8:
		return &failure{reason: ReasonSMTPUTF8, ours: true, err: errors.New("the SMTP server does not offer SMTPUTF8")}
	case !takes:
		*notes = append(*notes, "it does not offer SMTPUTF8: addresses with letters beyond ASCII before the @ need another provider")
	}
	if err := c.Mail(t.from.Address, &smtp.MailOptions{UTF8: utf8}); err != nil {
		return t.failure(phaseMail, err)
	}
	if err := c.Rcpt(rcpt, nil); err != nil {
		return t.failure(phaseRcpt, err)
	}
	c.quit() // nothing was sent, so nothing is left of it (RFC 5321, 4.1.1.10)
	return nil
}

// probe asks the service for something that sends nothing, when one is known, and
// else only connects.
func (t *httpTransport) probe(ctx context.Context, _ string) Probed {
	own := *t
	own.Said = nil
	address, known := own.probeURL()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Probed{Reason: ReasonConfig, Notes: []string{"the address of its probe cannot be used"}}
	}
	shown, _ := url.QueryUnescape(own.hidden(address))
	if !known {
		return own.reach(ctx, req.URL)
	}
	if r, err := own.request(message{to: "+15005550006", messageID: "m@usher.invalid"}); err == nil && r.header.Get("Authorization") != "" {
		req.Header.Set("Authorization", r.header.Get("Authorization"))
	}
	said := "GET " + shown + "\n"
	resp, err := own.client.Do(req)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return Probed{Dialog: said, Reason: ReasonTransient, Notes: []string{wrapped.Err.Error()}}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	said += "    HTTP " + resp.Status + "\n"
	for line := range strings.Lines(own.hidden(string(bytes.TrimSpace(body[:min(len(body), mostWords)])))) {
		said += "    " + strings.ToValidUTF8(strings.TrimRight(line, "\r\n"), "\ufffd") + "\n"
	}
	out := Probed{Dialog: said}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		own.Success, own.Code = nil, t.Code
		_, refused := own.readAnswer(resp, body, err == nil, true)
		// One that misses the recipient that was left out knows who asked.
		if out.Reason = reasonOf(refused); effects[out.Reason].class == permanent {
			out.Reason = ""
		}
	}
	return out
}

// reach connects to where requests go, and says nothing there.
func (t *httpTransport) reach(ctx context.Context, u *url.URL) Probed {
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	at := u.Hostname() + ":" + port
	out := Probed{Dialog: "connect to " + at + "\n", Notes: []string{"whether it knows usher cannot be asked without sending: give its settings a probe, an address that only answers"}}
	ctx, stop := context.WithTimeout(ctx, t.StepTimeout)
	defer stop()
	conn, err := t.Dial.or(t.StepTimeout)(ctx, "tcp", at)
	if err == nil && u.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
		_ = conn.SetDeadline(time.Now().Add(t.StepTimeout))
		err = secure.HandshakeContext(ctx)
	}
	if conn != nil {
		defer conn.Close()
	}
	if err != nil {
		out.Reason, out.Notes = ReasonTransient, []string{err.Error()}
		if errors.As(err, new(*tls.CertificateVerificationError)) {
			out.Reason = ReasonConfig
		}
	}
	return out
}

// probeURL is where the service can be asked whether it knows usher; known is false
// when it cannot, and then it is where messages go.
func (t *httpTransport) probeURL() (address string, known bool) {
	if t.Probe == "" {
		r, _ := t.request(message{to: "+15005550006", messageID: "m@usher.invalid"}) // it was tried at the start
		return r.url, false
	}
	d := httpData{Base: strings.TrimSuffix(t.Base, "/"), Account: url.QueryEscape(t.Account), Secret: url.QueryEscape(t.Secret)}
	f := filler{templates: t.templates, data: d}
	return f.fill(t.Probe), true
}

// hidden masks the secret, as it is and as an address has it.
func (t *httpTransport) hidden(s string) string {
	if t.Secret == "" {
		return s
	}
	return strings.NewReplacer(t.Secret, mask, url.QueryEscape(t.Secret), mask).Replace(s)
}
