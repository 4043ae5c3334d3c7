package notify

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/emersion/go-msgauth/dkim"
)

// DKIM signs e-mail for a domain (RFC 6376), so that receivers can tell that it
// comes from there. The public key is published as SELECTOR._domainkey.DOMAIN.
type DKIM struct {
	Domain   string `yaml:"domain"`
	Selector string `yaml:"selector"`
	KeyFile  string `yaml:"key_file"` // PEM: RSA of 2048 bits or more, or Ed25519
}

// signer returns a message with its signature in front.
type signer func([]byte) ([]byte, error)

// signedHeaders are those that tell a reader whom the message is from and what
// it is about (RFC 6376, 5.4.1).
var signedHeaders = []string{
	"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Language", "Auto-Submitted", "X-Usher-Message",
}

// newSigner reads the key now, so that a bad one is found at the start. Without
// settings messages are not signed.
func newSigner(d *DKIM) (signer, error) {
	if d == nil {
		return func(b []byte) ([]byte, error) { return b, nil }, nil
	}
	if d.Domain == "" || d.Selector == "" || d.KeyFile == "" {
		return nil, errors.New("dkim: domain, selector and key_file are all needed")
	}
	key, err := readKey(d.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	o := &dkim.SignOptions{
		Domain: d.Domain, Selector: d.Selector, Signer: key, HeaderKeys: signedHeaders,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
	return func(b []byte) ([]byte, error) {
		var out bytes.Buffer
		if err := dkim.Sign(&out, bytes.NewReader(b), o); err != nil {
			return nil, errors.New("the message cannot be signed")
		}
		return out.Bytes(), nil
	}, nil
}

// minRSA is what receivers want (RFC 8301, 3.2).
const minRSA = 2048

func readKey(file string) (crypto.Signer, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key in PEM", file)
	}
	var key any
	if block.Type == "RSA PRIVATE KEY" {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if err == nil && k.N.BitLen() < minRSA {
			return nil, fmt.Errorf("the RSA key in %s has %d bits, receivers want %d", file, k.N.BitLen(), minRSA)
		}
		if err == nil {
			return k, nil
		}
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("%s holds no RSA or Ed25519 private key", file)
}
