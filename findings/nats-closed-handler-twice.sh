#!/usr/bin/env bash
# nats.go 1.55.0: the handler that SetClosedHandler sets is called twice for one
# subscription when Unsubscribe follows Drain, or Drain follows Drain, before the first
# of them is through. It is so for a subscription to a channel and a synchronous one;
# for one with a callback it is called once.
#
# A program that waits for the end of a Drain by closing a channel in that handler, and
# has a deferred Unsubscribe for the way out, panics: "close of closed channel". This
# script counts the calls and fails when that changes. It needs Go and the Go module
# proxy.
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
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		panic("the server does not start")
	}
	kinds := []struct {
		name string
		make func(*nats.Conn) (*nats.Subscription, error)
		most int32
	}{
		{"a callback", func(c *nats.Conn) (*nats.Subscription, error) { return c.Subscribe("a", func(*nats.Msg) {}) }, 1},
		{"a channel", func(c *nats.Conn) (*nats.Subscription, error) { return c.ChanSubscribe("a", make(chan *nats.Msg, 1)) }, 2},
		{"synchronous", func(c *nats.Conn) (*nats.Subscription, error) { return c.SubscribeSync("a") }, 2},
	}
	ends := []struct {
		name string
		end  func(*nats.Subscription)
		once bool
	}{
		{"Drain", func(s *nats.Subscription) { _ = s.Drain() }, true},
		{"Unsubscribe", func(s *nats.Subscription) { _ = s.Unsubscribe() }, true},
		{"Drain, Unsubscribe", func(s *nats.Subscription) { _ = s.Drain(); _ = s.Unsubscribe() }, false},
		{"Drain, Drain", func(s *nats.Subscription) { _ = s.Drain(); _ = s.Drain() }, false},
	}
	changed := false
	for _, k := range kinds {
		for _, e := range ends {
			most := int32(0)
			for range 10 {
				nc := must(nats.Connect(s.ClientURL()))
				sub := must(k.make(nc))
				var calls atomic.Int32
				sub.SetClosedHandler(func(string) { calls.Add(1) })
				e.end(sub)
				time.Sleep(200 * time.Millisecond)
				nc.Close()
				time.Sleep(20 * time.Millisecond)
				most = max(most, calls.Load())
			}
			want := k.most
			if e.once {
				want = 1
			}
			fmt.Printf("%-12s %-20s the handler was called at most %d times\n", k.name, e.name, most)
			changed = changed || most != want
		}
	}
	if changed {
		fmt.Println("this has changed")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod GOTOOLCHAIN=local go run .
