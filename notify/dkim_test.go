package notify

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"usher/event"
)

// A receiver accepts the signature of what arrived on the wire, and no longer
// when a word of it is changed.
func TestDKIM(t *testing.T) {
	for algorithm, newKey := range map[string]func() (crypto.Signer, error){
		"rsa": func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"ed25519": func() (crypto.Signer, error) {
			_, k, err := ed25519.GenerateKey(rand.Reader)
			return k, err
		},
	} {
		key, err := newKey()
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := writeFile(t, "dkim.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		public, ok := key.Public().(ed25519.PublicKey)
		if !ok {
			if public, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
				t.Fatal(err)
			}
		}
		srv := newSMTPServer(t, script{})
		r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) {
			c.Providers.Email[0].DKIM = &DKIM{Domain: "usher.example", Selector: "s1", KeyFile: file}
		})
		q := request(event.ChannelEmail)
		q.Name = "Jürgen .\r\n. dot"
		if _, err := r.Send(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		raw := srv.messages()[0]
		look := &dkim.VerifyOptions{LookupTXT: func(domain string) ([]string, error) {
			if domain != "s1._domainkey.usher.example" {
				t.Errorf("a receiver looks at %s", domain)
			}
			return []string{"v=DKIM1; k=" + algorithm + "; p=" + base64.StdEncoding.EncodeToString(public)}, nil
		}}
		for name, tc := range map[string]struct {
			mail []byte
			good bool
		}{
			"as it came":      {raw, true},
			"another subject": {bytes.Replace(raw, []byte("Subject: "), []byte("Subject: x"), 1), false},
			"another body":    {bytes.Replace(raw, []byte("account"), []byte("accounf"), 1), false},
		} {
			v, err := dkim.VerifyWithOptions(bytes.NewReader(tc.mail), look)
			if err != nil || len(v) != 1 || (v[0].Err == nil) != tc.good {
				t.Errorf("%s, %s: %v, %+v", algorithm, name, err, v)
			}
		}
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "short.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(short)})))
	if _, err := newSigner(&DKIM{"usher.example", "s1", file}); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("a short key: %v", err)
	}
}
