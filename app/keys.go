package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"usher/disk"
	"usher/event"
)

// idKey is the key that derives user ids. A process with embedded servers makes
// one on first use and keeps it in DATA; against external servers it must be
// given, because all processes need the same one.
func (c Config) idKey(mayMake bool) (event.Key, error) {
	given, err := secret("id-key", c.IDKey, c.IDKeyFile)
	if err != nil {
		return nil, err
	}
	if given == "" && !mayMake {
		return nil, errors.New("--id-key or --id-key-file is needed: every process must derive the same ids, so give all of them the same key")
	}
	if given == "" {
		b, err := keyFile(c.path("id.key"))
		if err != nil {
			return nil, err
		}
		given = string(b)
	}
	if len(given) < event.MinKey {
		return nil, fmt.Errorf("--id-key: it has %d characters, at least %d are needed", len(given), event.MinKey)
	}
	return event.Key(given), nil
}

// FindIDKey is the key for a command: as it is given, else the one that a process
// on the data folder has made.
func (c Config) FindIDKey() (event.Key, error) {
	_, err := os.Stat(c.path("id.key"))
	return c.idKey(err == nil)
}

// payloadKey is the key that encrypts what Temporal stores, found like idKey.
func (c Config) payloadKey(mayMake bool) ([]byte, error) {
	given, err := secret("payload-key", c.PayloadKey, c.PayloadKeyFile)
	if err != nil {
		return nil, err
	}
	switch {
	case given != "":
		return []byte(given), nil
	case mayMake:
		return keyFile(c.path("payload.key"))
	}
	return nil, errors.New("--payload-key or --payload-key-file is needed: it encrypts what Temporal stores, so give the same one to every bridge and worker")
}

// keyFile reads a key, or makes one that only its owner can read.
func keyFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return nil, err
	}
	b = []byte(base64.RawURLEncoding.EncodeToString(raw))
	if err := disk.Write(path, b, 0o600); err != nil {
		return nil, err
	}
	return b, nil
}
