package app

import (
	"bytes"
	"testing"

	"go.temporal.io/sdk/converter"
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
	if _, err := other.Decode(enc); err == nil {
		t.Error("another key reads the payload")
	}
	enc[0].Data[20] ^= 1
	if _, err := c.Decode(enc[:1]); err == nil {
		t.Error("a changed payload is read")
	}
}
