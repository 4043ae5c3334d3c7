package tracing

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func TestNothingIsSentUnlessAsked(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, true},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		{map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, false},
		{map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, false},
	} {
		if got := wanted(func(k string) string { return tc.env[k] }); got != tc.want {
			t.Errorf("%v: got %v", tc.env, got)
		}
	}
}

const upstream = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestAContextPassesThroughAnUntracedUsher(t *testing.T) {
	ctx, span := Tracer{}.Start(With(context.Background(), upstream), "step", Inside)
	defer span.Done(nil)
	if got := Context(ctx); got != upstream {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"", "no traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01", upstream[:50] + "\n"} {
		if got := Context(With(context.Background(), bad)); got != "" {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestStoriesAreLinked(t *testing.T) {
	rec := tracetest.NewSpanRecorder()
	tracer := Tracer{sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))}
	file, first := tracer.Start(t.Context(), "file", Inside)
	first.Done(nil)
	ctx, second := tracer.Start(With(t.Context(), upstream), "send", Inside)
	second.LinkTo(Context(file))
	_, child := Child(ctx, "hand over", Client)
	child.Done(context.Canceled)
	second.Done(nil)

	spans := rec.Ended()
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	hand, send := spans[1], spans[2]
	if send.Parent().TraceID().String() != upstream[3:35] || hand.Parent().SpanID() != send.SpanContext().SpanID() {
		t.Error("the steps are not connected")
	}
	if l := send.Links(); len(l) != 1 || l[0].SpanContext.TraceID() != spans[0].SpanContext().TraceID() {
		t.Errorf("the links are %v", l)
	}
	if d := hand.Status().Description; d != "" {
		t.Errorf("the error's text is told: %s", d)
	}
}
