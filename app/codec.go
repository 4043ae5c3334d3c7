package app

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

const (
	encodingEncrypted = "binary/encrypted"
	metadataKeyID     = "encryption-key-id"
	keyIDBytes        = 6
)

// codec encrypts the payloads that Temporal stores, with AES-256-GCM under a key
// of usher's: who holds Temporal's database reads no personal data. A
// payload names its key by an id, so keys can be changed while workflows run:
// the first key encrypts, and every one decrypts what it once encrypted.
type codec struct {
	keys    []payloadKey
	missing atomic.Pointer[missingKey]
}

type payloadKey struct {
	id   string // of the key's own bits, so that it is the same everywhere
	aead cipher.AEAD
}

// missingKey is the last payload that no key here decrypts.
type missingKey struct {
	id string
	at time.Time
}

var _ converter.PayloadCodec = (*codec)(nil)

// newCodec derives a key from each line of secrets; empty ones and those that
// begin with # are left out. A secret has at least 16 characters.
func newCodec(secrets []byte) (*codec, error) {
	c := &codec{}
	for n, line := range strings.Split(string(secrets), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if len(line) < 16 {
			return nil, fmt.Errorf("--payload-key: line %d has %d characters, at least 16 are needed", n+1, len(line))
		}
		k, err := newPayloadKey(line)
		if err != nil {
			return nil, err
		}
		if _, twice := c.key(k.id); !twice {
			c.keys = append(c.keys, k)
		}
	}
	if len(c.keys) == 0 {
		return nil, errors.New("--payload-key: there is no key in it")
	}
	return c, nil
}

func newPayloadKey(secret string) (payloadKey, error) {
	key := sha256.Sum256([]byte("usher payload key\x00" + secret))
	id := sha256.Sum256(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return payloadKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return payloadKey{}, err
	}
	return payloadKey{hex.EncodeToString(id[:keyIDBytes]), aead}, nil
}

func (c *codec) key(id string) (payloadKey, bool) {
	for _, k := range c.keys {
		if k.id == id {
			return k, true
		}
	}
	return payloadKey{}, false
}

// ids lists the keys, the one that encrypts first.
func (c *codec) ids() string {
	ids := make([]string, len(c.keys))
	for i, k := range c.keys {
		ids[i] = k.id
	}
	return strings.Join(ids, ", ")
}

// ready returns an error while workflows need a key that this process lacks.
func (c *codec) ready() error {
	if m := c.missing.Load(); m != nil && time.Since(m.at) < 5*time.Minute {
		return c.lacks(m.id)
	}
	return nil
}

// unreadableError says why a payload cannot be decrypted.
type unreadableError struct{ error }

func (c *codec) lacks(id string) error {
	if b, err := hex.DecodeString(id); err != nil || len(b) != keyIDBytes {
		return unreadableError{errors.New("a payload was encrypted by something other than usher")}
	}
	return unreadableError{fmt.Errorf("a payload was encrypted under the key %s, and this process has %s: add the missing one as a further line to the file of --payload-key-file, on every bridge and worker", id, c.ids())}
}

// Encode implements converter.PayloadCodec.
func (c *codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	k := c.keys[0]
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(plain)+k.aead.Overhead())
		if _, err := rand.Read(nonce); err != nil {
			return nil, err
		}
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encodingEncrypted), metadataKeyID: []byte(k.id)},
			Data:     k.aead.Seal(nonce, nonce, plain, nil),
		}
	}
	return out, nil
}

// Decode implements converter.PayloadCodec. Payloads that it did not write pass
// as they are.
func (c *codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != encodingEncrypted {
			out[i] = p
			continue
		}
		id := string(p.GetMetadata()[metadataKeyID])
		k, ok := c.key(id)
		if !ok {
			c.missing.Store(&missingKey{id, time.Now()})
			return nil, c.lacks(id)
		}
		n := k.aead.NonceSize()
		if len(p.GetData()) < n {
			return nil, unreadableError{errors.New("the encrypted payload is cut off")}
		}
		plain, err := k.aead.Open(nil, p.Data[:n], p.Data[n:], nil)
		if err != nil {
			return nil, unreadableError{fmt.Errorf("the payload cannot be decrypted: %w", err)}
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(plain, out[i]); err != nil {
			return nil, unreadableError{fmt.Errorf("the decrypted payload cannot be read: %w", err)}
		}
	}
	return out, nil
}

// patient lets a workflow wait for the key of a payload. The SDK would fail a run
// whose input cannot be decrypted, and drop such a signal; a panic fails the
// workflow task only, which is tried again until a worker has the key.
type patient struct {
	converter.DataConverter
	inWorkflow bool
}

var _ workflow.ContextAware = patient{}

// WithWorkflowContext implements workflow.ContextAware.
func (p patient) WithWorkflowContext(workflow.Context) converter.DataConverter {
	return patient{p.DataConverter, true}
}

// WithContext implements workflow.ContextAware.
func (p patient) WithContext(context.Context) converter.DataConverter { return p }

// FromPayload implements converter.DataConverter.
func (p patient) FromPayload(payload *commonpb.Payload, to any) error {
	return p.insist(p.DataConverter.FromPayload(payload, to))
}

// FromPayloads implements converter.DataConverter.
func (p patient) FromPayloads(payloads *commonpb.Payloads, to ...any) error {
	return p.insist(p.DataConverter.FromPayloads(payloads, to...))
}

func (p patient) insist(err error) error {
	var unreadable unreadableError
	if p.inWorkflow && errors.As(err, &unreadable) {
		panic(unreadable)
	}
	return err
}
