#!/usr/bin/env bash
# nats-server 2.15.2: a message whose last allowed delivery is given back with a delay
# (NakWithDelay) is given up when the delay is over, but the advisory
# MAX_DELIVERIES comes by itself only when one delivery was allowed in all. With two
# or more it comes with the next pull, however late that is. Until then nothing tells
# that the message was given up, and the ack floor stays before it.
#
# A program that keeps given-up messages by listening to that advisory misses them: a
# consumer that is paused or has no reader keeps quiet. This script fails
# when that changes. It needs Go and the Go module proxy.
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

// givenUp delivers a message as often as is allowed, gives it back each time, and says
// when the advisory comes.
func givenUp(ctx context.Context, nc *nats.Conn, js jetstream.JetStream, name string, deliveries int) {
	s := must(js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}}))
	must(js.Publish(ctx, name, nil))
	c := must(s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxDeliver: deliveries}))
	advisory := must(nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + name + ".c"))
	for range deliveries {
		m := must(c.Next(jetstream.FetchMaxWait(10 * time.Second)))
		if err := m.NakWithDelay(200 * time.Millisecond); err != nil {
			panic(err)
		}
	}
	_, err := advisory.NextMsg(3 * time.Second)
	fmt.Printf("%d deliveries: the advisory comes by itself: %v\n", deliveries, err == nil)
	if err != nil {
		_, _ = c.Next(jetstream.FetchMaxWait(time.Second)) // there is nothing to deliver
		_, err = advisory.NextMsg(3 * time.Second)
		fmt.Printf("%d deliveries: it comes with the next pull: %v\n", deliveries, err == nil)
	}
	info := must(c.Info(ctx))
	fmt.Printf("%d deliveries: in flight %d, the ack floor is at %d of %d\n", deliveries, info.NumAckPending, info.AckFloor.Stream, info.Delivered.Stream)
}

func run(ctx context.Context, nc *nats.Conn, js jetstream.JetStream) {
	givenUp(ctx, nc, js, "one", 1)
	givenUp(ctx, nc, js, "two", 2)
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
1 deliveries: the advisory comes by itself: true
1 deliveries: in flight 0, the ack floor is at 0 of 1
2 deliveries: the advisory comes by itself: false
2 deliveries: it comes with the next pull: true
2 deliveries: in flight 0, the ack floor is at 0 of 1
WANT
cat got
diff want got && echo "as found"
