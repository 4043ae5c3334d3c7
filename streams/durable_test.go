package streams

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

func TestDurabilityOfOneServer(t *testing.T) {
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	if doubts, err := Durability(t.Context(), js); err != nil || len(doubts) != 0 {
		t.Errorf("streams as usher makes them on one server: %v, %v", doubts, err)
	}
	s, err := js.Stream(t.Context(), event.StreamOnboarding)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	if err := js.DeleteStream(t.Context(), cfg.Name); err != nil {
		t.Fatal(err)
	}
	cfg.Storage, cfg.MaxBytes = jetstream.MemoryStorage, -1
	if _, err := js.CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	doubts, err := Durability(t.Context(), js)
	if text := strings.Join(doubts, "\n"); err != nil || len(doubts) != 2 || !strings.Contains(text, "memory") || !strings.Contains(text, "no limit") {
		t.Errorf("%v\n%s", err, text)
	}
}

// In a cluster, one copy of a stream is a doubt, and three are none.
func TestDurabilityInACluster(t *testing.T) {
	var routes []*url.URL
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		if err := l.Close(); err != nil { // the server takes no listener
			t.Fatal(err)
		}
	}
	var servers []*server.Server
	for i := range 3 {
		port, err := strconv.Atoi(routes[i].Port())
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("s", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 128 << 20,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatal("a server of the cluster is not ready")
		}
	}
	nc, err := nats.Connect(servers[0].ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, replicas := range []int{1, 3} {
		o := opts
		o.Replicas = replicas
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // until the cluster has a leader
			if err = Ensure(t.Context(), js, o); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		doubts, err := Durability(t.Context(), js)
		if err != nil || (len(doubts) > 0) != (replicas == 1) {
			t.Errorf("with %d replicas: %v, %v", replicas, doubts, err)
		}
		if replicas == 1 && !strings.Contains(strings.Join(doubts, ""), "--replicas 3") {
			t.Errorf("it does not say what to do: %v", doubts)
		}
		for _, r := range table(o) {
			if err := js.DeleteStream(t.Context(), r.cfg.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
}
