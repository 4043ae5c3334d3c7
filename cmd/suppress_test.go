package cmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// The suppression list is kept by hand with the account `cli` of deploy/nats, and
// holds what workers look for.
func TestSuppress(t *testing.T) {
	server := natstest.Guarded(t, "../deploy/nats/usher.conf")
	as := func(user string) jetstream.JetStream {
		nc, err := nats.Connect(server, nats.UserInfo(user, "password-of-"+user), nats.CustomInboxPrefix("_INBOX_"+user))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	const secret = "a key of this test, long enough"
	key := event.Key(secret)
	if err := streams.Ensure(t.Context(), as("admin"), streams.Options{MaxBytes: 64 << 20, KeyFingerprint: key.Fingerprint()}); err != nil {
		t.Fatal(err)
	}
	worker, err := streams.NewDelivery(t.Context(), as("worker"))
	if err != nil {
		t.Fatal(err)
	}
	ann, zoe, number := key.Address(event.ChannelEmail, "ann@example.org"), key.Address(event.ChannelEmail, "zoe@xn--bcher-kva.example"), key.Address(event.ChannelSMS, "+4930123456")
	if _, err := worker.Suppress(t.Context(), ann, event.Suppression{Channel: event.ChannelEmail, Reason: "recipient_invalid", By: "receipt", Message: "m1@usher.example", At: time.Now().UTC().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	suppress := func(keyed string, args ...string) (int, string) {
		t.Helper()
		var out, errs bytes.Buffer
		args = append([]string{"suppress"}, args...)
		args = append(args, "--nats-url", server, "--nats-user", "cli", "--nats-password", "password-of-cli", "--id-key", keyed, "--data", t.TempDir())
		code := Run(t.Context(), Main{}, args, strings.NewReader(""), &out, &errs)
		for _, personal := range []string{"ann@", "zoe@", "30123456", secret} {
			if strings.Contains(out.String(), personal) || code == 0 && strings.Contains(errs.String(), personal) {
				t.Errorf("%v prints %s", args, personal)
			}
		}
		return code, out.String() + errs.String()
	}
	for _, tc := range []struct {
		args string
		code int
		want []string // one after the other
		none string
	}{
		{"ls", 0, []string{ann, "email", "recipient_invalid", "receipt", "m1@usher.example"}, number},
		{"add Ann@Example.org Zoe@BÜCHER.example +49(30)123-456", 0, []string{ann, "was suppressed already", zoe, "suppressed", number, "sms", "suppressed"}, ""},
		{"ls", 0, []string{ann, "receipt", zoe, "email", "operator", "operator", number, "sms"}, ""},
		{"ls --json", 0, []string{`"entry":"` + ann, `"reason":"recipient_invalid"`, `"entry":"` + zoe, `"by":"operator"`}, ""},
		{"rm --reason recipient_invalid --since 10m", 0, []string{"0 entries"}, ann},
		{"rm --reason recipient_invalid --since 2h --dry-run", 0, []string{"1 entries", ann, "would be"}, zoe},
		{"rm --reason recipient_invalid", 0, []string{"1 entries", ann, "may get messages again"}, zoe},
		{"rm", 2, []string{"--reason"}, ""},
		{"rm --since 1h ann@example.org", 2, []string{"--reason"}, ""},
		{"ls", 0, []string{zoe}, ann},
		{"add ann@example.org", 0, []string{"suppressed"}, ""},
		{"rm ann@example.org " + number, 0, []string{ann, "may get messages again", number, "may get messages again"}, ""},
		{"ls", 0, []string{zoe}, ann},
		{"rm ann@example.org", 1, []string{"was not suppressed", "1 of 1"}, ""},
		{"add ann", 2, []string{"neither an address"}, ""},
		{"add " + zoe, 2, []string{"give the address itself"}, ""},
	} {
		code, out := suppress(secret, strings.Fields(tc.args)...)
		if code != tc.code || tc.none != "" && strings.Contains(out, tc.none) {
			t.Errorf("%s: code %d\n%s", tc.args, code, out)
		}
		rest := out
		for _, want := range tc.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("%s: no %q (in this order) in\n%s", tc.args, want, out)
				break
			}
			rest = after
		}
	}
	for address, want := range map[string]bool{ann: false, zoe: true, number: false} {
		if _, yes, err := worker.Suppressed(t.Context(), address); yes != want || err != nil {
			t.Errorf("a worker sees %s suppressed: %v (%v), want %v", address, yes, err, want)
		}
	}
	if code, out := suppress("another key of this test, long", "ls"); code != 1 || !strings.Contains(out, "USHER_ID_KEY") {
		t.Errorf("with another key: %d\n%s", code, out)
	}
}
