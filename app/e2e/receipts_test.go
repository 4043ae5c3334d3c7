//go:build !noembed

package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/smtp"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/notify"
	"usher/streams"
)

// What providers say later reaches the ledger and the facts over the real
// listeners, a hard bounce suppresses the address, and the next user with that
// address is not written to.
func TestReceipts(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.ReceiptsHTTPAddr, u.config.SMSToken = "127.0.0.1:0", "the token of this test"
	u.config.ReceiptsSMTPAddr, u.config.ReturnPath = "127.0.0.1:0", "bounces@usher.example"
	u.start("")
	u.drop("one.csv", "user_id,name,email,phone\nu-1,User,gone@example.org,+49301234567\n")
	if err := u.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(time.Minute, "u-1")

	var mails struct {
		Messages []struct{ From struct{ Address string } }
	}
	u.get("http://"+u.addr.CatcherHTTP+"/api/v1/messages", &mails)
	var texts struct{ Messages []struct{ Sid string } }
	u.get("http://"+u.addr.CatcherHTTP+"/2010-04-01/Accounts/AC/Messages.json", &texts)
	if len(mails.Messages) != 1 || len(texts.Messages) != 1 {
		t.Fatalf("%d e-mails and %d text messages", len(mails.Messages), len(texts.Messages))
	}
	bounce := "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
		"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; gone@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
	for range 2 { // a bounce may come twice
		if err := smtp.SendMail(u.addr.ReceiptsSMTP, nil, "", []string{mails.Messages[0].From.Address}, []byte(bounce)); err != nil {
			t.Fatal(err)
		}
		if code := u.callback(texts.Messages[0].Sid, "delivered"); code != http.StatusNoContent {
			t.Fatalf("the callback gets %d", code)
		}
	}
	p, err := u.status("u-1")
	if err != nil {
		t.Fatal(err)
	}
	for channel, want := range map[string]event.SendState{event.ChannelEmail: event.SendBounced, event.ChannelSMS: event.SendDelivered} {
		if e := p.Sends[event.SendKey(1, event.PurposeWelcome, channel, 1)]; e.State != want {
			t.Errorf("%s is %s (%s), want %s", channel, e.State, e.Reason, want)
		}
	}
	if p.Status != event.StatusWelcomed {
		t.Errorf("a receipt has moved the status to %s", p.Status)
	}
	want := []string{"bounced email " + notify.ReasonRecipient, "delivered sms "}
	if got := u.receiptFacts("u-1"); !slices.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}

	u.drop("two.csv", "user_id,name,email\nu-2,User,Gone@Example.org\n")
	if err := u.decide(event.VerbApproved, "u-2"); err != nil {
		t.Fatal(err)
	}
	p = u.waitFinal(time.Minute, "u-2")["u-2"]
	e := p.Sends[event.SendKey(1, event.PurposeWelcome, event.ChannelEmail, 1)]
	if p.Status != event.StatusUnreached || e.State != event.SendFailed || e.Reason != notify.ReasonSuppressed {
		t.Errorf("the user with a suppressed address is %s, the message %s (%s)", p.Status, e.State, e.Reason)
	}
	if arrived, _ := u.caught(); len(arrived) != 1 {
		t.Errorf("mail went out to %d addresses", len(arrived))
	}
	u.noAddressKept("gone@example.org", "49301234567")
}

// callback reports on a text message as Twilio does.
func (u *usher) callback(sid, status string) int {
	u.Helper()
	form := url.Values{"MessageSid": {sid}, "MessageStatus": {status}}
	address := "http://" + u.addr.ReceiptsHTTP + "/receipts/twilio"
	mac := hmac.New(sha1.New, []byte(u.config.SMSToken))
	fmt.Fprint(mac, address+"MessageSid"+sid+"MessageStatus"+status)
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		u.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		u.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

// receiptFacts lists what was told of receipts about a user, sorted.
func (u *usher) receiptFacts(userID string) (out []string) {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, kind := range []string{event.FactBounced, event.FactDelivered} {
		s, err := c.JetStream.Stream(ctx, event.StreamOnboarding)
		if err != nil {
			u.Fatal(err)
		}
		i, err := s.Info(ctx, jetstream.WithSubjectFilter(event.FactSubject(kind, userID)))
		if err != nil {
			u.Fatal(err)
		}
		if n := i.State.Subjects[event.FactSubject(kind, userID)]; n != 1 {
			u.Errorf("%d facts of kind %s", n, kind)
			continue
		}
		m, err := s.GetLastMsgForSubject(ctx, event.FactSubject(kind, userID))
		if err != nil {
			u.Fatal(err)
		}
		f := decodeFact(u, m.Data)
		if f.UserID != userID || f.Generation != 1 || f.Status != "" {
			u.Errorf("got %+v", f)
		}
		out = append(out, f.Kind+" "+f.Channel+" "+f.Reason)
	}
	return out
}

// noAddressKept looks for addresses in what is kept beside the ledger.
func (u *usher) noAddressKept(addresses ...string) {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	kv, err := c.JetStream.KeyValue(ctx, event.BucketDelivery)
	if err != nil {
		u.Fatal(err)
	}
	keys, err := kv.Keys(ctx)
	if err != nil || len(keys) == 0 {
		u.Fatalf("%d keys: %v", len(keys), err)
	}
	for _, k := range keys {
		e, err := kv.Get(ctx, k)
		if err != nil {
			u.Fatal(err)
		}
		for _, a := range addresses {
			if bytes.Contains(bytes.ToLower(append([]byte(k), e.Value()...)), []byte(a)) {
				u.Errorf("%s is kept in clear under %s", a, k)
			}
		}
	}
	key, err := os.ReadFile(u.dir + "/id.key")
	if err != nil {
		u.Fatal(err)
	}
	d, err := streams.NewDelivery(ctx, c.JetStream)
	if err != nil {
		u.Fatal(err)
	}
	if _, yes, err := d.Suppressed(ctx, event.Key(key).Address(event.ChannelEmail, "gone@example.org")); err != nil || !yes {
		u.Errorf("the address is not found under its hash: %v", err)
	}
}

func decodeFact(u *usher, data []byte) (f event.Fact) {
	u.Helper()
	if err := json.Unmarshal(data, &f); err != nil {
		u.Fatal(err)
	}
	return f
}
