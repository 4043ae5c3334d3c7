package natstest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Restore takes a backup of streams with their consumers, deletes them, and restores
// them from it, as an operator would after a loss.
func Restore(t testing.TB, js jetstream.JetStream, names ...string) {
	t.Helper()
	for _, name := range names {
		b := backUp(t, js.Conn(), name)
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		b.restore(t, js.Conn(), name)
	}
}

// backup is what a server sends of a stream (ADR-63 of NATS).
type backup struct {
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
	chunks [][]byte
}

const answers = 10 * time.Second

func backUp(t testing.TB, nc *nats.Conn, stream string) (b backup) {
	t.Helper()
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	ask(t, nc, "$JS.API.STREAM.SNAPSHOT."+stream, map[string]any{"deliver_subject": inbox}, &b)
	for {
		m, err := sub.NextMsg(answers)
		if err != nil {
			t.Fatalf("the backup of %s: %v", stream, err)
		}
		if len(m.Data) == 0 { // the end
			if status := m.Header.Get("Status"); status != "" && status != "204" {
				t.Fatalf("the backup of %s: %s %s", stream, status, m.Header.Get("Description"))
			}
			return b
		}
		b.chunks = append(b.chunks, m.Data)
		if m.Reply == "" { // the last one is not acknowledged
			continue
		}
		if err := m.Respond(nil); err != nil {
			t.Fatal(err)
		}
	}
}

func (b backup) restore(t testing.TB, nc *nats.Conn, stream string) {
	t.Helper()
	var to struct {
		Subject string `json:"deliver_subject"`
	}
	ask(t, nc, "$JS.API.STREAM.RESTORE."+stream, b, &to)
	for _, c := range append(b.chunks, nil) {
		reply, err := nc.Request(to.Subject, c, answers)
		if err != nil {
			t.Fatalf("restore %s: %v", stream, err)
		}
		failed(t, reply.Data)
	}
}

func ask(t testing.TB, nc *nats.Conn, subject string, request, into any) {
	t.Helper()
	data, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := nc.Request(subject, data, answers)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	failed(t, reply.Data)
	if err := json.Unmarshal(reply.Data, into); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
}

func failed(t testing.TB, reply []byte) {
	t.Helper()
	var r struct {
		Error *jetstream.APIError `json:"error"`
	}
	if len(reply) > 0 && (json.Unmarshal(reply, &r) != nil || r.Error != nil) {
		t.Fatalf("the server answers %s", reply)
	}
}
