//go:build !noembed

package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"usher/event"
)

// spans is an OpenTelemetry collector that keeps what it gets.
type spans struct {
	mu  sync.Mutex
	all []*otlp.Span
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &req)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			s.all = append(s.all, ss.Spans...)
		}
	}
}

// find returns the spans of a name, in a trace unless that is "".
func (s *spans) find(trace, name string) (out []*otlp.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if x.Name == name && (trace == "" || hex.EncodeToString(x.TraceId) == trace) {
			out = append(out, x)
		}
	}
	return out
}

// One file and one decision are two connected stories, and the second one links
// to the first: file, publish, bridge; decision, bridge, activation, message.
func TestTracesTellOneStory(t *testing.T) {
	var got spans
	server := httptest.NewServer(&got)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	u := newUsher(t)
	u.start("")
	u.drop("users.csv", list(1, 1, "secretnote"))
	u.waitIdle(1)

	const upstream = "0af7651916cd43dd8448eb211c80319c"
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := nats.NewMsg(event.VerificationSubject("crm", event.VerbApproved))
	m.Data = []byte(`{"user_id":"u-1"}`)
	m.Header.Set("Traceparent", "00-"+upstream+"-b7ad6b7169203331-01")
	if _, err := c.JetStream.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(30*time.Second, "u-1")
	for deadline := time.Now().Add(20 * time.Second); len(got.find(upstream, "Send")) < 2 || len(got.find(upstream, "hand over")) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the story does not come to its end: %v", got.all)
		}
	}
	imports := got.find("", "import")
	if len(imports) != 1 {
		t.Fatalf("%d imports are told", len(imports))
	}
	file := hex.EncodeToString(imports[0].TraceId)
	parents := func(trace string, names ...string) {
		t.Helper()
		for i := 1; i < len(names); i++ {
			child, parent := got.find(trace, names[i]), got.find(trace, names[i-1])
			if len(child) == 0 || len(parent) == 0 || string(child[0].ParentSpanId) != string(parent[0].SpanId) {
				t.Errorf("%s is not below %s: %v, %v", names[i], names[i-1], child, parent)
			}
		}
	}
	parents(file, "import", "publish USERS", "process USERS")
	parents(upstream, "process VERIFICATIONS", "Activate")
	sends := got.find(upstream, "Send")
	if len(sends) != 2 {
		t.Fatalf("%d messages are told", len(sends))
	}
	for _, s := range sends {
		if len(s.Links) != 1 || hex.EncodeToString(s.Links[0].TraceId) != file {
			t.Errorf("a message does not link to the file: %v", s.Links)
		}
	}
	var moments []string
	for _, h := range got.find(upstream, "hand over") {
		for _, e := range h.Events {
			moments = append(moments, e.Name)
		}
	}
	for _, want := range []string{"connected", "recipient taken", "ledger says submitting", "accepted"} {
		if !strings.Contains(strings.Join(moments, ","), want) {
			t.Errorf("the SMTP steps are %v, want %q among them", moments, want)
		}
	}
	s, err := c.JetStream.Stream(t.Context(), event.StreamOnboarding)
	if err != nil {
		t.Fatal(err)
	}
	fact, err := s.GetLastMsgForSubject(t.Context(), event.FactsOfKind(event.FactWelcomed)[1])
	if err != nil || !strings.Contains(fact.Header.Get("traceparent"), upstream) {
		t.Errorf("the last fact is not part of the story: %v (%v)", fact, err)
	}
	for _, x := range got.all {
		for _, secret := range []string{"example.org", "User 1", "secretnote", "+4930"} {
			if strings.Contains(x.String(), secret) {
				t.Errorf("%s tells %s", x.Name, secret)
			}
		}
	}
}
