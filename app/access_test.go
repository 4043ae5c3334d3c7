package app

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
)

func TestPlainTextStaysOnThisMachine(t *testing.T) {
	for _, tc := range []struct {
		servers string
		access  NATSAccess
		want    string // in the refusal
	}{
		{"nats://127.0.0.1:4222", NATSAccess{}, ""},
		{"nats://localhost:4222,nats://[::1]:4222", NATSAccess{}, ""},
		{"nats://nats.example.com:4222", NATSAccess{}, "--nats-insecure"},
		{"nats://127.0.0.1:4222,nats://10.0.0.1:4222", NATSAccess{}, "10.0.0.1"},
		{"nats://10.0.0.1:4222", NATSAccess{NATSInsecure: true}, ""},
		{"tls://nats.example.com:4222", NATSAccess{}, ""},
		{"nats://nats.example.com:4222", NATSAccess{NATSCA: "ca.pem"}, ""},
		{"nats.example.com", NATSAccess{}, "tls://HOST:PORT"},
		{"nats://127.0.0.1:4222", NATSAccess{NATSCert: "c.pem"}, "--nats-key"},
		{"nats://user:pw@10.0.0.1:4222", NATSAccess{}, "another machine"},
	} {
		_, err := tc.access.options(tc.servers)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s %+v: %v", tc.servers, tc.access, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the password is told: %v", err)
		}
	}
	for _, tc := range []struct {
		options client.Options
		allowed bool
		ok      bool
	}{
		{client.Options{}, false, true},
		{client.Options{HostPort: "127.0.0.1:7233"}, false, true},
		{client.Options{HostPort: "temporal.example.com:7233"}, false, false},
		{client.Options{HostPort: "temporal.example.com:7233"}, true, true},
		{client.Options{HostPort: "temporal.example.com:7233", ConnectionOptions: client.ConnectionOptions{TLS: &tls.Config{MinVersion: tls.VersionTLS12}}}, false, true},
	} {
		if err := checkTemporal(tc.options, tc.allowed); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.options.HostPort, err)
		}
	}
}

func TestThePasswordMayComeFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err := (NATSAccess{NATSUser: "bridge", NATSPasswordFile: path}).options("nats://127.0.0.1:4222"); err != nil || len(o) != 1 {
		t.Errorf("%d options, %v", len(o), err)
	}
	if _, err := (NATSAccess{NATSUser: "bridge", NATSPasswordFile: path + "x"}).options("nats://127.0.0.1:4222"); err == nil {
		t.Error("a file that is not there is no error")
	}
}
