#!/usr/bin/env bash
# nats-server 2.15.2: who subscribes to a subject first and then reads its last message from
# the stream can miss a message in both ways, for ever.
#
# The server gives a published message to those who listen at that moment, and stores it
# later: messages for a stream wait in a queue of the stream. In between, which took some
# milliseconds to some hundred here, a new subscription does not get the message any more,
# and the stream does not have it yet. So "subscribe, flush, then read what was there" misses
# nothing only with plain messages. A second read after a while, or a consumer, finds it.
#
# This script fills the queue, publishes one more message, waits until the server has taken
# it (the answer to a PING behind it), subscribes from another connection, and reads. It
# fails when the message is heard or read. It needs Go and the Go module proxy.
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
	"errors"
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

func ok(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	store := must(os.MkdirTemp("", "finding"))
	defer os.RemoveAll(store)
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: store, SyncAlways: true, NoLog: true, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		panic("the server does not start")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	writer, reader := must(nats.Connect(s.ClientURL())), must(nats.Connect(s.ClientURL()))
	defer writer.Close()
	defer reader.Close()
	js := must(jetstream.New(writer))
	must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "DATA", Subjects: []string{"data.>"}}))
	stream := must(must(jetstream.New(reader)).Stream(ctx, "DATA"))

	for range 500 {
		ok(writer.Publish("data.other", make([]byte, 1000)))
	}
	acked := must(js.PublishMsgAsync(&nats.Msg{Subject: "data.mine", Data: []byte("the message")}))
	ok(writer.Flush()) // the server has taken them all
	taken := time.Now()

	sub := must(reader.SubscribeSync("data.mine"))
	ok(reader.Flush())
	_, err := stream.GetLastMsgForSubject(ctx, "data.mine")
	read := !errors.Is(err, jetstream.ErrMsgNotFound)
	if read {
		ok(err)
	}
	select {
	case <-acked.Ok():
	case err := <-acked.Err():
		panic(err)
	}
	stored := time.Since(taken)
	must(reader.RTT()) // what was sent to the subscription before is there
	_, err = sub.NextMsg(time.Second)
	heard := err == nil
	must(stream.GetLastMsgForSubject(ctx, "data.mine"))
	fmt.Printf("taken, and stored %v later; heard by who subscribed in between: %v; read in between: %v; read afterwards: true\n", stored.Round(time.Millisecond), heard, read)
	if heard || read {
		fmt.Println("this has changed")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod GOTOOLCHAIN=local go run .
