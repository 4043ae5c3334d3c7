package app

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	rights "usher/deploy/nats"
	"usher/streams"
)

// A role whose account may not make streams says who makes them.
func TestARoleWithoutStreamsSaysRunSetup(t *testing.T) {
	for _, r := range append(rights.Roles(), rights.Role{Name: "admin"}, rights.Role{Name: "crm"}) {
		t.Setenv("USHER_NATS_"+strings.ToUpper(r.Name), "password-of-"+r.Name)
	}
	o, err := server.ProcessConfigFile("../" + rights.File)
	if err != nil {
		t.Fatal(err)
	}
	o.Port, o.StoreDir, o.JetStreamMaxStore, o.NoSigs, o.NoLog = server.RANDOM_PORT, t.TempDir(), 256<<20, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server is not ready")
	}
	nc, err := connectNATS(t.Context(), s.ClientURL(), NATSAccess{NATSUser: "watch", NATSPassword: "password-of-watch"}, "watch", externalPings, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := newJetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	err = explain(nc, streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20}))
	if err == nil || !strings.HasPrefix(err.Error(), "the streams are not there, and this account may not make them: run usher setup with one that may") {
		t.Errorf("it says: %v", err)
	}
}
