package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// Whatever an outsider writes, with any headers, any body and in any order: the
// bridge stays up, each message has one outcome at its first delivery, and all that
// is in order between them has its effect.
func TestAnythingFromOutside(t *testing.T) {
	seeds, messages := 3, 300
	if n, err := strconv.Atoi(os.Getenv("USHER_SOAK_ANYTHING")); err == nil {
		seeds = n
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := newRigWith(t, 256<<20)
			r.mostParked = 10 * messages
			outside := newOutsider(t, r.url, seed)
			r.run()
			for i := range messages {
				outside.write()
				if i%10 == 0 {
					r.approve(fmt.Sprint("good ", i), fmt.Sprint("good-", i))
					r.user(fmt.Sprint("good ", i), fmt.Sprint("good-", i))
				}
			}
			outside.flush()
			s, err := r.js.Stream(t.Context(), event.StreamVerifications)
			if err != nil {
				t.Fatal(err)
			}
			last := s.CachedInfo().State.LastSeq
			r.eventually(func() error {
				c, err := r.js.Consumer(context.Background(), event.StreamVerifications, event.ConsumerVerifications)
				if err != nil {
					return err
				}
				if i := c.CachedInfo(); i.AckFloor.Stream < last {
					return fmt.Errorf("done up to %d of %d", i.AckFloor.Stream, last)
				}
				return nil
			})
			r.eventually(func() error {
				sum := 0.0
				for outcome, n := range r.outcomes() {
					if strings.HasPrefix(outcome, event.StreamVerifications) {
						sum += n
					}
				}
				if sum != float64(last) {
					return fmt.Errorf("%v outcomes of %d messages: %v", sum, last, r.outcomes())
				}
				return nil
			})
			if got := r.outcomes(); got["VERIFICATIONS malformed"] < float64(messages)/10 || got["VERIFICATIONS exhausted"] > 0 {
				t.Errorf("the outcomes are %v", got)
			}
			r.eventually(func() error {
				r.runs.mu.Lock()
				defer r.runs.mu.Unlock()
				for i := 0; i < messages; i += 10 {
					if x := r.runs.byUser[fmt.Sprint("good-", i)]; x == nil || x.parked || len(x.signals) == 0 {
						return fmt.Errorf("good-%d has %+v", i, x)
					}
				}
				return nil
			})
			if n := testutil.ToFloat64(r.metrics.Panics.WithLabelValues("bridge")); n > 0 {
				t.Errorf("the bridge panicked %v times", n)
			}
			if n := r.redelivered(event.StreamVerifications, event.ConsumerVerifications); n > 0 {
				t.Errorf("%d messages were delivered again", n)
			}
			if err := r.bridge.Ready(); err != nil {
				t.Error(err)
			}
		})
	}
}

// outsider speaks the protocol itself, for a client would mend what it writes.
type outsider struct {
	*rand.Rand
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
}

func newOutsider(t *testing.T, url string, seed uint64) *outsider {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	o := &outsider{Rand: rand.New(rand.NewPCG(seed, 14)), t: t, conn: conn, in: bufio.NewReader(conn)}
	o.out.WriteString("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")
	return o
}

// flush returns when the server has read everything, and stored it: it reads one
// connection in order, and JetStream answers for the last message.
func (o *outsider) flush() {
	o.t.Helper()
	o.out.WriteString("SUB stored 1\r\nPUB verifications.v1.crm.approved stored 2\r\n{}\r\n")
	if _, err := o.conn.Write(o.out.Bytes()); err != nil {
		o.t.Fatal(err)
	}
	for {
		line, err := o.in.ReadString('\n')
		switch {
		case err != nil:
			o.t.Fatal(err)
		case strings.HasPrefix(line, "-ERR"):
			o.t.Fatalf("the server says %s", line)
		case strings.HasPrefix(line, "MSG stored"):
			return
		}
	}
}

func (o *outsider) write() {
	header, body := o.header(), o.body()
	if o.IntN(10) == 0 { // CloudEvents in structured mode, or what says that it is
		header = "NATS/1.0\r\n" + o.one("Content-Type", "content-type", "CONTENT-TYPE") + ": " + o.one("application/cloudevents+json", "application/cloudevents+json; charset=UTF-8", "application/cloudevents-batch+json") + "\r\n\r\n"
		body = `{"specversion":"1.0","id":` + o.json(1) + `,"source":"/crm","type":` + o.json(1) + `,` + o.one(`"data":`+o.json(3), `"data":{"user_id":"outside-3"}`, `"data_base64":"eyJ1c2VyX2lkIjoib3V0c2lkZS00In0="`, `"data_base64":`+o.json(1)) + `}`
	}
	if len(header) == 0 {
		fmt.Fprintf(&o.out, "PUB %s %d\r\n%s\r\n", o.subject(), len(body), body)
	} else {
		fmt.Fprintf(&o.out, "HPUB %s %d %d\r\n%s%s\r\n", o.subject(), len(header), len(header)+len(body), header, body)
	}
	if o.out.Len() < 32<<10 {
		return
	}
	if _, err := o.conn.Write(o.out.Bytes()); err != nil {
		o.t.Fatal(err)
	}
	o.out.Reset()
}

func (o *outsider) one(of ...string) string { return of[o.IntN(len(of))] }

func (o *outsider) subject() string {
	switch o.IntN(10) {
	case 0:
		return "verifications.v1." + o.token()
	case 1:
		s := "verifications.v1"
		for range 1 + o.IntN(12) {
			s += "." + o.token()
		}
		return s
	}
	return "verifications.v1." + o.one("crm", "erp", "console", "CRM", "ünï") + "." + o.one("approved", "rejected", "approved", "rejected", "withdrawn", "reopened", "resend", "undone", "maybe")
}

// token is one of a subject.
func (o *outsider) token() string {
	b := make([]byte, 1+o.IntN(20))
	for i := range b {
		for b[i] <= ' ' || strings.ContainsRune(".*>\x7f", rune(b[i])) {
			b[i] = byte(o.IntN(256))
		}
	}
	return string(b)
}

func (o *outsider) bytes(most int) string {
	b := make([]byte, o.IntN(most+1))
	for i := range b {
		b[i] = byte(o.Uint32())
	}
	return string(b)
}

func (o *outsider) header() string {
	switch o.IntN(8) {
	case 0:
		return ""
	case 1: // a status in the first line
		return "NATS/1.0 " + o.one("100", "404", "408", "409", "423", "503", "no number", "-1") + " " + o.one("", "Consumer Deleted", "Batch Completed", "Leadership Change", "Idle Heartbeat") + "\r\n\r\n"
	case 2: // no header that a client could read
		return "NATS/1.0" + o.one("", "\r\n", "\r\n\r\n", "\r\n:\r\n\r\n", "\r\nno colon\r\n\r\n", "\r\n folded: x\r\n\r\n", "\n\n") + o.bytes(60)
	}
	h := "NATS/1.0\r\n"
	for range o.IntN(6) {
		h += o.name() + ":" + o.one("", " ", "\t") + o.value() + "\r\n"
	}
	return h + "\r\n"
}

func (o *outsider) name() string {
	return o.one("Status", "status", "Description", "Nats-Msg-Id", "Nats-Expected-Stream", "Nats-Expected-Last-Sequence", "Nats-Expected-Last-Subject-Sequence",
		"Nats-Expected-Last-Msg-Id", "Nats-Rollup", "Nats-TTL", "Nats-Schedule", "Nats-Schedule-Target", "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit", "Nats-Incr",
		"Nats-Pending-Messages", "Nats-Pending-Bytes", "Nats-Pin-Id", "Nats-Stream", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Marker-Reason", "Nats-Service-Error",
		"ce-id", "CE-ID", "ce-specversion", "ce-time", "ce-source", "Content-Type", "traceparent", "Traceparent", "tracestate",
		event.HeaderStream, event.HeaderReason, event.HeaderSequence, event.HeaderOriginal+"ce-id", "", "two words", o.bytes(8))
}

func (o *outsider) value() string {
	v := o.one("", "100", "404", "503", "1", "0", "-1", "18446744073709551616", "all", "sub", "VERIFICATIONS", "never", "1s", "@every 1s", "1.0", "2.0", "%zz%00", "application/cloudevents+json",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0-0-0", "2026-11-28T00:00:00Z", "replay-1-x", strings.Repeat("long ", 400), o.bytes(40))
	return strings.NewReplacer("\r", "", "\n", "").Replace(v)
}

func (o *outsider) body() string {
	switch o.IntN(9) {
	case 0:
		return ""
	case 1:
		return o.bytes(300)
	case 2:
		return strings.Repeat(o.one("[", `{"a":`, " ", "{", `"`), 1+o.IntN(20000))
	case 3: // an event in JSON
		return `{"specversion":` + o.json(1) + `,"id":` + o.json(1) + `,"data":` + o.json(3) + `,"data_base64":` + o.json(1) + `}`
	case 4, 5:
		b, err := json.Marshal(map[string]any{"user_id": fmt.Sprint("outside-", o.IntN(50)), "reason": o.bytes(2000), "actor": o.bytes(300)})
		if err != nil {
			o.t.Fatal(err)
		}
		return string(b)
	case 6:
		return `{"email":` + o.json(1) + `,"channels":` + o.json(2) + `}`
	}
	return o.json(4)
}

// json is a value, nearly always in order.
func (o *outsider) json(depth int) string {
	if depth == 0 {
		return o.one("null", "1e999", "true", `""`, "-0", `"\ud800"`, "nonsense")
	}
	switch o.IntN(4) {
	case 0:
		return `{` + o.one(`"user_id"`, `"email"`, `"reason"`, `"actor"`, `"channels"`, `"USER_ID"`) + `:` + o.json(depth-1) + `,"user_id":` + o.json(depth-1) + `}`
	case 1:
		return `[` + o.json(depth-1) + `,` + o.json(depth-1) + `]`
	case 2:
		return `{"user_id":"outside-1","user_id":"outside-2"}`
	}
	return strconv.Quote(o.bytes(30))
}
