#!/usr/bin/env bash
# nats.go 1.55.0 and nats-server 2.15.2: a request gets a message of a stream as its
# answer, when a pull of the same connection used an inbox of NewRespInbox.
#
# Such an inbox is one token behind the prefix that the connection's requests share. What
# a consumer sends there keeps the subject that it has in its stream, so the client finds
# no token in it; and when exactly one request is in flight, it hands the message to that
# one ("the server has rewritten the subject"). The subscription of the pull gets the
# message as well. The true answer comes later and is dropped. With two requests in flight
# the message is nobody's, and with an inbox of NewInbox nothing of this happens.
#
# This script asks a service that has not answered yet, and then pulls. It fails when what
# the request gets changes. It needs Go and the Go module proxy.
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

// asked makes requests to a service that answers only after a pull into the inbox
// has brought a message, and returns what each request and the pull got.
func asked(url string, requests int, inbox func(*nats.Conn) string) (answers []string, pulled string) {
	nc, service := must(nats.Connect(url)), must(nats.Connect(url))
	defer nc.Close()
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	js := must(jetstream.New(service))
	must(js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "DATA", Subjects: []string{"data"}, Storage: jetstream.MemoryStorage}))
	must(js.Publish(ctx, "data", []byte("a message of the stream")))
	consumer := must(js.CreateConsumer(ctx, "DATA", jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPolicy, AckPolicy: jetstream.AckExplicitPolicy}))

	heard := make(chan *nats.Msg, requests)
	must(service.ChanSubscribe("service", heard))
	if err := service.Flush(); err != nil {
		panic(err)
	}
	got := make(chan string, requests)
	for range requests {
		go func() {
			m, err := nc.RequestWithContext(ctx, "service", nil)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- string(m.Data)
		}()
	}
	var open []*nats.Msg
	for range requests {
		open = append(open, <-heard)
	}
	to := inbox(nc)
	sub := must(nc.SubscribeSync(to))
	if err := nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.DATA."+consumer.CachedInfo().Name, to, []byte("1")); err != nil {
		panic(err)
	}
	pulled = string(must(sub.NextMsg(10 * time.Second)).Data)
	must(nc.RTT()) // both of its subscriptions have the message
	for _, m := range open {
		if err := m.Respond([]byte("the answer")); err != nil {
			panic(err)
		}
	}
	for range requests {
		answers = append(answers, <-got)
	}
	return answers, pulled
}

func main() {
	store := must(os.MkdirTemp("", "finding"))
	defer os.RemoveAll(store)
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: store, NoLog: true, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		panic("the server does not start")
	}
	changed := false
	for _, c := range []struct {
		name     string
		requests int
		inbox    func(*nats.Conn) string
		want     string
	}{
		{"NewRespInbox, one request in flight", 1, (*nats.Conn).NewRespInbox, "a message of the stream"},
		{"NewRespInbox, two requests in flight", 2, (*nats.Conn).NewRespInbox, "the answer"},
		{"NewInbox, one request in flight", 1, (*nats.Conn).NewInbox, "the answer"},
	} {
		answers, pulled := asked(s.ClientURL(), c.requests, c.inbox)
		fmt.Printf("%-38s the pull got %q, the requests %q\n", c.name, pulled, answers)
		for _, a := range answers {
			changed = changed || a != c.want
		}
		changed = changed || pulled != "a message of the stream"
	}
	if changed {
		fmt.Println("this has changed")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod GOTOOLCHAIN=local go run .
