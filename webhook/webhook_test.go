package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// A request is genuine when this secret signed just this id, time and body, of late.
func TestGenuine(t *testing.T) {
	key, err := NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(at time.Time) http.Header {
		h := http.Header{}
		if err := key.Sign(h, "id-1", at, []byte("body")); err != nil {
			t.Fatal(err)
		}
		return h
	}
	with := func(k, v string) http.Header { h := signed(time.Now()); h.Set(k, v); return h }
	now := signed(time.Now())
	rotated := with("Webhook-Signature", "v1,AAAA "+now.Get("Webhook-Signature"))
	rotated.Set("Webhook-Timestamp", now.Get("Webhook-Timestamp"))
	for name, tc := range map[string]struct {
		secret string
		header http.Header
		body   string
		want   bool
	}{
		"as signed":          {secret, now, "body", true},
		"two signatures":     {secret, rotated, "body", true},
		"without the prefix": {strings.TrimPrefix(secret, prefix), now, "body", true},
		"another body":       {secret, now, "other", false},
		"another id":         {secret, with("Webhook-Id", "id-2"), "body", false},
		"another time":       {secret, with("Webhook-Timestamp", "1000000000"), "body", false},
		"another version":    {secret, with("Webhook-Signature", strings.Replace(now.Get("Webhook-Signature"), "v1", "v2", 1)), "body", false},
		"long ago":           {secret, signed(time.Now().Add(-6 * time.Minute)), "body", false},
		"too early":          {secret, signed(time.Now().Add(6 * time.Minute)), "body", false},
		"another secret":     {"whsec_" + strings.Repeat("A", 40), now, "body", false},
		"an empty secret":    {prefix, now, "body", false},
		"no base64":          {"whsec_!", now, "body", false},
		"no headers":         {secret, http.Header{}, "body", false},
	} {
		if got := Genuine(tc.secret, tc.header, []byte(tc.body)); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	for _, bad := range []string{"", "hunter2", "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("QUFB", 22)} {
		if k, err := NewKey(bad); err == nil || !k.IsZero() || !strings.Contains(err.Error(), "openssl") {
			t.Errorf("%q: %v, %v", bad, k, err)
		}
	}
}
