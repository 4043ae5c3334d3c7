// Package natstest runs real nats-servers with JetStream for one test.
package natstest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Start runs a server on a free loopback port until the test ends, and returns a
// client of it and its address.
func Start(t testing.TB) (js jetstream.JetStream, url string) {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { empty(dir) })
	s := Run(t, dir, server.RANDOM_PORT)
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	return js, s.ClientURL()
}

// empty removes the store of a server that has stopped. One that stopped in the middle of
// an atomic batch writes the batch's folder a moment longer, under the hands of who
// removes it.
func empty(dir string) {
	for range 50 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Run runs a server with its store in dir until the test ends, or is stopped before.
func Run(t testing.TB, dir string, port int) *server.Server {
	t.Helper()
	return Serve(t, &server.Options{Port: port, JetStream: true, StoreDir: dir, JetStreamMaxStore: 8 << 30})
}

// Serve runs a server with these options, quietly and on loopback, until the test ends
// or it is stopped before.
func Serve(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoSigs, o.NoLog = "127.0.0.1", true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server is not ready")
	}
	return s
}

// StartCluster runs three servers that keep three copies of a stream that asks for
// them, until the test ends, and returns a client of them. It takes about a second.
func StartCluster(t testing.TB) (js jetstream.JetStream, servers []*server.Server) {
	t.Helper()
	const nodes = 3
	var ports [nodes]int
	var routes []*url.URL
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[i])})
		if err := l.Close(); err != nil { // the server wants a number: each names the routes of all
			t.Fatal(err)
		}
	}
	for i := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("n", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 2 << 30,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
	}
	addresses := ""
	for _, s := range servers {
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("nats-server is not ready")
		}
		addresses += s.ClientURL() + ","
	}
	nc, err := nats.Connect(addresses, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; { // until they have agreed who leads
		_, err := js.AccountInfo(t.Context())
		for _, s := range servers {
			if err == nil && len(s.JetStreamClusterPeers()) == nodes { // of the leader
				return js, servers
			}
		}
		if time.Sleep(20 * time.Millisecond); time.Now().After(deadline) {
			t.Fatal("the servers do not form a cluster: ", err)
		}
	}
}
