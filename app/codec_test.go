package app

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

func TestCodecHidesAndReturnsPayloads(t *testing.T) {
	c, err := newCodec([]byte("a secret of sixteen and more"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := converter.GetDefaultDataConverter().ToPayloads("ann@example.org", 42)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := c.Encode(plain.Payloads)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range enc {
		if b, _ := proto.Marshal(p); bytes.Contains(b, []byte("ann@")) {
			t.Error("the address stands in the encrypted payload")
		}
	}
	dec, err := c.Decode(enc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range dec {
		if !proto.Equal(dec[i], plain.Payloads[i]) {
			t.Errorf("payload %d changed on its way", i)
		}
	}
	if again, err := c.Decode(plain.Payloads); err != nil || !proto.Equal(again[0], plain.Payloads[0]) {
		t.Error("a payload in clear does not pass")
	}
	other, _ := newCodec([]byte("another secret, also long"))
	if _, err := other.Decode(enc); err == nil || !strings.Contains(err.Error(), c.keys[0].id) || !strings.Contains(err.Error(), "--payload-key-file") {
		t.Errorf("another key: %v, want which one is missing and what to do", err)
	}
	if other.ready() == nil || c.ready() != nil {
		t.Error("the component that lacks a key must say so, and no other")
	}
	enc[0].Data[20] ^= 1
	if _, err := c.Decode(enc[:1]); err == nil {
		t.Error("a changed payload is read")
	}
}

// The keys change in two steps while payloads of both stay readable; the third
// takes the old one away.
func TestKeysChangeWhilePayloadsStayReadable(t *testing.T) {
	const older, newer = "the older secret, long enough", "the newer secret, long enough"
	open := func(lines ...string) *codec {
		t.Helper()
		c, err := newCodec([]byte(strings.Join(lines, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	encode := func(c *codec) []*commonpb.Payload {
		t.Helper()
		plain, err := converter.GetDefaultDataConverter().ToPayloads("ann@example.org")
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.Encode(plain.Payloads)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before, added := open(older), open("# since May", older, "", "# for July", newer+"  ")
	changed, after := open(newer, older, newer), open(newer)
	for i, tc := range []struct {
		by, reader *codec
		readable   bool
	}{
		{before, added, true}, {added, before, true}, // step 1 reaches the processes one by one
		{added, changed, true}, {changed, added, true}, // step 2, too
		{before, changed, true}, {changed, after, true},
		{changed, before, false}, {before, after, false},
	} {
		if _, err := tc.reader.Decode(encode(tc.by)); (err == nil) != tc.readable {
			t.Errorf("%d: readable %v, want %v: %v", i, err == nil, tc.readable, err)
		}
	}
	if got, want := changed.ids(), after.keys[0].id+", "+before.keys[0].id; got != want {
		t.Errorf("the keys are %s, want %s", got, want)
	}
	for secrets, says := range map[string]string{"": "no key", "# only a word\n": "no key", newer + "\nshort": "line 2"} {
		if _, err := newCodec([]byte(secrets)); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "short ") {
			t.Errorf("%q: %v", secrets, err)
		}
	}
	forged := encode(someCodec(t))
	forged[0].Metadata[metadataKeyID] = []byte("ann@example.org")
	if _, err := after.Decode(forged); err == nil || strings.Contains(err.Error(), "ann@") {
		t.Errorf("the error repeats what a payload claims: %v", err)
	}
}

func someCodec(t *testing.T) *codec {
	c, err := newCodec([]byte("a secret of somebody else's"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a failure says, its stack and its details are encrypted like any payload.
func TestFailuresAreEncrypted(t *testing.T) {
	c := someCodec(t)
	data, failures := converters(c)
	f := failures.ErrorToFailure(temporal.NewApplicationErrorWithCause("ann@example.org is refused", "permanent", errors.New("ann@example.org"), "ann@example.org"))
	b, err := proto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("ann@")) || bytes.Contains(b, []byte("refused")) {
		t.Error("the failure stands there in clear")
	}
	if got := failures.FailureToError(f); !strings.Contains(got.Error(), "ann@example.org is refused") {
		t.Errorf("got %v", got)
	}
	if p, err := data.ToPayload("ann"); err != nil || bytes.Contains(p.Data, []byte("ann")) {
		t.Errorf("%v %v", p, err)
	}
}

// Without the key a workflow task fails and is tried again; a run never fails of
// it, and no signal is dropped. Outside of workflows it is an error.
func TestAWorkflowWaitsForItsKey(t *testing.T) {
	data, _ := converters(someCodec(t))
	other, _ := newCodec([]byte("another secret, also long"))
	foreign, _ := converters(other)
	p, err := foreign.ToPayloads("ann")
	if err != nil {
		t.Fatal(err)
	}
	var to string
	if err := data.FromPayloads(p, &to); err == nil {
		t.Error("it was read")
	}
	inside := data.(patient).WithWorkflowContext(nil)
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(error).Error(), "--payload-key-file") {
			t.Errorf("the workflow goes on without the key: %v", r)
		}
	}()
	_ = inside.FromPayloads(p, &to)
}
