package cmd

import (
	"strings"
	"testing"

	"usher/streams/natstest"
)

func TestSetup(t *testing.T) {
	_, url := natstest.Start(t)
	key := []string{"--id-key", "a key of this test, long enough"}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{key, 2, "--nats-url or NATS_URL"},
		{[]string{"--nats-url", url}, 1, "--id-key"},
		{append([]string{"--nats-url", url, "--replicas", "0"}, key...), 1, "--replicas"},
		{append([]string{"--nats-url", url, "--max-store", "6XB"}, key...), 2, "give it as 6GB"},
		{append([]string{"--nats-url", url, "--max-store", "64GB"}, key...), 1, "stream USERS wants 30400 MB of the 60800 MB that all streams get, on each of 1 servers"},
		{append([]string{"--nats-url", url, "--max-store", "64GB"}, key...), 1, "--max-store"},
		{append([]string{"--nats-url", url, "--max-store", "64MB"}, key...), 0, "10 streams"},
		{append([]string{"--nats-url", url, "--max-store", "64000000"}, key...), 0, "10 streams"},
		{[]string{"--nats-url", url, "--id-key", "another key of this test, long"}, 1, "USHER_ID_KEY"},
		{append([]string{"--nats-url", "nats://10.1.2.3:4222"}, key...), 1, "--nats-insecure"},
	} {
		code, out, errs := run(t, nil, append([]string{"setup"}, tc.args...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%v: %d\n%s%s", tc.args, code, out, errs)
		}
		if strings.Contains(out+errs, "a key of this test") {
			t.Error("the key is printed")
		}
	}
	t.Setenv("NATS_URL", url)
	if code, out, errs := run(t, nil, append([]string{"setup", "--max-store", "64MB"}, key...)...); code != 0 || !strings.Contains(out, "10 streams") {
		t.Errorf("with NATS_URL: %d\n%s%s", code, out, errs)
	}
}

// A stream that is gone stops everything until an operator says that it is lost.
func TestSetupAfterALoss(t *testing.T) {
	js, url := natstest.Start(t)
	args := []string{"setup", "--nats-url", url, "--max-store", "64000000", "--id-key", "a key of this test, long enough"}
	if code, _, errs := run(t, nil, args...); code != 0 {
		t.Fatal(errs)
	}
	if err := js.DeleteStream(t.Context(), "KV_PEOPLE"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		accept []string
		code   int
		want   string
	}{
		{nil, 1, "`--accept-lost KV_PEOPLE`"},
		{[]string{"--accept-lost", "USERS"}, 1, "KV_PEOPLE, made at"},
		{[]string{"--accept-lost", "MEN"}, 1, "--accept-lost MEN: usher has no such stream"},
		{[]string{"--accept-lost", "PEOPLE"}, 0, "10 streams"},
		{nil, 0, "10 streams"},
	} {
		code, out, errs := run(t, nil, append(args, tc.accept...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%v: %d\n%s%s", tc.accept, code, out, errs)
		}
	}
}
