// Command publish says one verification to usher and waits until it is stored:
//
//	go run ./docs/examples/publish nats://127.0.0.1:4222 crm approved u-1001 EVENT-ID
//
// The same EVENT-ID again is the same event, so it may be repeated until it works.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: publish URL SOURCE approved|rejected USER EVENT-ID")
		os.Exit(2)
	}
	if err := publish(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "not stored, say it again with the same id:", err)
		os.Exit(1)
	}
}

func publish(url, source, verb, userID, eventID string) error {
	nc, err := nats.Connect(url, nats.Timeout(5*time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"user_id": userID})
	if err != nil {
		return err
	}
	m := nats.NewMsg("verifications.v1." + source + "." + verb)
	m.Data = body
	m.Header.Set("ce-specversion", "1.0")
	m.Header.Set("ce-id", eventID)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ack, err := js.PublishMsg(ctx, m, jetstream.WithMsgID(eventID))
	if err == nil {
		fmt.Println("stored in", ack.Stream, "as", ack.Sequence)
	}
	return err
}
