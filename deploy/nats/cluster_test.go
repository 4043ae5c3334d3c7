package nats

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// Three servers with the configuration that docs/cluster.md shows, and with usher.conf
// beside it, are a cluster with TLS, accounts and three copies of each stream.
func TestTheClusterOfTheManual(t *testing.T) {
	page, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	_, conf, found := strings.Cut(string(page), "```\n# nats-1.conf\n")
	conf, _, ends := strings.Cut(conf, "```")
	if !found || !ends {
		t.Fatal("docs/cluster.md shows no nats-1.conf")
	}
	dir := t.TempDir()
	shipped, err := os.ReadFile("usher.conf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "usher.conf"), shipped, 0o600); err != nil {
		t.Fatal(err)
	}
	certify(t, dir)
	for _, role := range append(Roles(), Role{Name: "admin"}, Role{Name: "crm"}) {
		t.Setenv("USHER_NATS_"+strings.ToUpper(role.Name), "password-of-"+role.Name)
	}
	places := []string{"/etc/usher/", dir + "/", "listen: 0.0.0.0:4222", "listen: 127.0.0.1:-1"}
	var routes []string
	for i := range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, l.Addr().String())
		places = append(places, fmt.Sprintf("nats-%d.example:6222", i+1), routes[i])
		if err := l.Close(); err != nil { // the server wants a number: each names the routes of all
			t.Fatal(err)
		}
	}
	var urls []string
	for i, route := range routes {
		own := append([]string{"server_name: nats-1", fmt.Sprint("server_name: nats-", i+1), "listen: 0.0.0.0:6222", "listen: " + route}, places...)
		file := filepath.Join(dir, fmt.Sprintf("nats-%d.conf", i+1))
		if err := os.WriteFile(file, []byte(strings.NewReplacer(own...).Replace(conf)), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := server.ProcessConfigFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !o.SyncAlways || o.TLSConfig == nil || o.Cluster.TLSConfig == nil || len(o.Routes) != 3 {
			t.Errorf("server %d: sync always %v, %d routes, TLS %v and %v", i+1, o.SyncAlways, len(o.Routes), o.TLSConfig != nil, o.Cluster.TLSConfig != nil)
		}
		o.StoreDir, o.JetStreamMaxStore = t.TempDir(), 512<<20
		urls = append(urls, natstest.Serve(t, o).ClientURL())
	}
	if nc, err := nats.Connect(urls[0], nats.UserInfo("admin", "password-of-admin")); err == nil {
		nc.Close()
		t.Error("a client is let in that does not know the authority")
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.UserInfo("admin", "password-of-admin"), nats.RootCAs(filepath.Join(dir, "ca.crt")))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) { // until they have agreed who leads
		err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20, Replicas: 3})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.CachedInfo().Cluster; c == nil || c.Name != "usher" || len(c.Replicas) != 2 {
		t.Errorf("USERS is kept by %+v, want three of the cluster usher", c)
	}
}

// certify writes ca.crt, and nats.crt and nats.key that it vouches for.
func certify(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	caKey, key := newKey(), newKey()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.crt", "CERTIFICATE", der)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey); err != nil {
		t.Fatal(err)
	}
	write("nats.crt", "CERTIFICATE", der)
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	write("nats.key", "PRIVATE KEY", der)
}
