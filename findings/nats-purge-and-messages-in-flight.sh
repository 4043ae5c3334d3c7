#!/usr/bin/env bash
# nats-server 2.15.2: what a purge by subject does to messages that a consumer has in
# flight depends on whether that consumer ever had an ack. Six messages are in flight,
# and the purge takes three of them while older ones of another subject stay.
#   - Nothing was acked before: the three leave num_ack_pending at once, and the ack
#     floor's consumer sequence jumps to 6 although three older messages are open.
#   - One message was acked before: the purged ones stay in num_ack_pending. Only an
#     ack or a redelivery later takes them out.
# So num_ack_pending after a purge says how many messages are open in one case and
# how many were open in the other. This script fails when that changes. It needs Go
# and the Go module proxy.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
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
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// flight takes six messages in flight, acks the first one if told so, purges the
// subject s.drop, and says what the consumer counts.
func flight(ctx context.Context, js jetstream.JetStream, name string, ack bool) {
	s := must(js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}))
	if ack {
		must(js.Publish(ctx, name+".keep", nil))
	}
	for range 3 {
		must(js.Publish(ctx, name+".keep", nil))
		must(js.Publish(ctx, name+".drop", nil))
	}
	c := must(s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour}))
	n := 6
	if ack {
		n = 7
	}
	batch := must(c.Fetch(n))
	for m := range batch.Messages() {
		if ack {
			if err := m.DoubleAck(ctx); err != nil {
				panic(err)
			}
			ack = false
		}
	}
	before := must(c.Info(ctx))
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(name+".drop")); err != nil {
		panic(err)
	}
	after := must(c.Info(ctx))
	fmt.Printf("in flight %d, after the purge %d; consumer sequence of the ack floor %d, then %d\n",
		before.NumAckPending, after.NumAckPending, before.AckFloor.Consumer, after.AckFloor.Consumer)
}

func run(ctx context.Context, nc *nats.Conn, js jetstream.JetStream) {
	fmt.Println("nothing acked before")
	flight(ctx, js, "a", false)
	fmt.Println("one message acked before")
	flight(ctx, js, "b", true)
}

func main() {
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: os.Args[1], NoLog: true, NoSigs: true}))
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		panic("the server does not start")
	}
	nc := must(nats.Connect(s.ClientURL()))
	fmt.Println("nats-server", server.VERSION)
	run(context.Background(), nc, must(jetstream.New(nc)))
	nc.Close()
	s.Shutdown()
	s.WaitForShutdown()
}
GO
GOFLAGS=-mod=mod go run . "$dir/store" 2>run.err > got || { cat got run.err; exit 1; }
cat > want <<'WANT'
nats-server 2.15.2
nothing acked before
in flight 6, after the purge 3; consumer sequence of the ack floor 0, then 6
one message acked before
in flight 6, after the purge 6; consumer sequence of the ack floor 1, then 1
WANT
cat got
diff want got && echo "as found"
