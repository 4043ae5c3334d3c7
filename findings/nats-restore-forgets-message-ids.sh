#!/usr/bin/env bash
# nats-server 2.15.2: a stream that was restored from a backup keeps sequences, times
# and consumers, but forgets which Nats-Msg-Ids are inside its duplicate window. The
# same id is stored a second time and answered without "duplicate". Once the server
# was started anew, the ids that the stream holds are known again.
#
# Publishers that retry during a restore are stored twice: let them in only after the
# server was restarted. Seen with jsm.go 0.5.1 as the client of the snapshot protocol.
# This script fails when that changes. It needs Go and the Go module proxy.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/nats-io/jsm.go v0.5.1
	github.com/nats-io/nats-server/v2 v2.15.2
	github.com/nats-io/nats.go v1.55.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/jsm.go"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func start(store string) (*server.Server, *nats.Conn) {
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: store, NoLog: true, NoSigs: true}))
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		panic("the server does not start")
	}
	return s, must(nats.Connect(s.ClientURL()))
}

// publish says whether the server takes the message for one that it has.
func publish(nc *nats.Conn) string {
	js := must(nc.JetStream())
	ack := must(js.PublishMsg(&nats.Msg{Subject: "s.a", Data: []byte("x"), Header: nats.Header{"Nats-Msg-Id": {"one"}}}))
	return fmt.Sprintf("duplicate %v, %d in the stream", ack.Duplicate, must(js.StreamInfo("S")).State.Msgs)
}

func main() {
	dir := os.Args[1]
	store := filepath.Join(dir, "store")
	s, nc := start(store)
	fmt.Println("nats-server", server.VERSION)
	js := must(nc.JetStream())
	must(js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Duplicates: time.Hour}))
	fmt.Println("first:", publish(nc))
	fmt.Println("again:", publish(nc))

	m := must(jsm.New(nc))
	stream := must(m.LoadStream("S"))
	must(stream.SnapshotToDirectory(context.Background(), filepath.Join(dir, "backup")))
	if err := stream.Delete(); err != nil {
		panic(err)
	}
	_, state, err := m.RestoreSnapshotFromDirectory(context.Background(), "S", filepath.Join(dir, "backup"))
	if err != nil {
		panic(err)
	}
	fmt.Println("restored:", state.Msgs, "message, last sequence", state.LastSeq)
	fmt.Println("after the restore:", publish(nc))
	nc.Close()
	s.Shutdown()
	s.WaitForShutdown()
	s, nc = start(store)
	fmt.Println("after a restart:", publish(nc))
	nc.Close()
	s.Shutdown()
	s.WaitForShutdown()
}
GO
GOFLAGS=-mod=mod go run . "$dir" 2>run.err > got || { cat got run.err; exit 1; }
cat > want <<'WANT'
nats-server 2.15.2
first: duplicate false, 1 in the stream
again: duplicate true, 1 in the stream
restored: 1 message, last sequence 1
after the restore: duplicate false, 2 in the stream
after a restart: duplicate true, 2 in the stream
WANT
cat got
diff want got && echo "as found"
