// Package tracing connects the steps of usher into stories that OpenTelemetry's
// tools can show. It is off unless the standard variables ask for it, and then
// costs nothing.
//
// A story runs from a file to its users' workflows; another from a decision to
// the messages that it causes. The wait between them may last weeks, so they are
// two traces, and the second one links to the first. Context travels in the
// events' headers (W3C trace context) and in the workflow's inputs, so that
// upstream systems and readers of facts can join.
//
// Attributes hold ids and reasons, never a name, an address or a text of a
// message.
package tracing

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Tracer starts spans. Its zero value starts none.
type Tracer struct{ provider trace.TracerProvider }

const scope = "usher"

// New returns a Tracer that exports what the standard OTEL_ variables ask for:
// nothing, unless one names an endpoint or the exporter otlp. stop sends what is
// still waiting.
func New(ctx context.Context, version string) (t Tracer, stop func(context.Context) error, err error) {
	stop = func(context.Context) error { return nil }
	if !wanted(os.Getenv) {
		return t, stop, nil
	}
	var exporter sdktrace.SpanExporter
	switch protocol := first(os.Getenv, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "http/protobuf":
		exporter, err = otlptracehttp.New(ctx)
	case "grpc":
		exporter, err = otlptracegrpc.New(ctx)
	default:
		err = fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: give http/protobuf or grpc", protocol)
	}
	if err != nil {
		return t, stop, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "usher"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return t, stop, fmt.Errorf("tracing: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about)) // the sampler is the environment's
	return Tracer{p}, p.Shutdown, nil
}

// wanted follows https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/,
// but for the default exporter: usher sends nothing anywhere unless it is told.
func wanted(env func(string) string) bool {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	switch env("OTEL_TRACES_EXPORTER") {
	case "none":
		return false
	case "otlp":
		return true
	}
	return first(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") != ""
}

func first(env func(string) string, names ...string) string {
	for _, n := range names {
		if v := env(n); v != "" {
			return v
		}
	}
	return ""
}

// Span is a step on its way.
type Span struct{ trace.Span }

// Start begins a step; the one in ctx is its parent.
func (t Tracer) Start(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, Span) {
	p := t.provider
	if p == nil {
		p = noop.NewTracerProvider()
	}
	ctx, s := p.Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return ctx, Span{s}
}

// Child begins a step inside the one in ctx, and does nothing when there is none.
func Child(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, Span) {
	return Tracer{trace.SpanFromContext(ctx).TracerProvider()}.Start(ctx, name, kind, attributes...)
}

// Event marks a moment of the step in ctx.
func Event(ctx context.Context, name string) { trace.SpanFromContext(ctx).AddEvent(name) }

// Done ends the step; err may be nil. Of an error only that there was one is
// told, because its text may be anything.
func (s Span) Done(err error) {
	if err != nil {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}

// LinkTo links the step to another trace, given as Context returned it.
func (s Span) LinkTo(parent string) {
	if c := trace.SpanContextFromContext(With(context.Background(), parent)); c.IsValid() {
		s.AddLink(trace.Link{SpanContext: c})
	}
}

var w3c = propagation.TraceContext{}

// Context is the step in ctx as a traceparent (https://www.w3.org/TR/trace-context/),
// "" when it is not being recorded.
func Context(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	c := propagation.MapCarrier{}
	w3c.Inject(ctx, c)
	return c.Get("traceparent")
}

// With returns ctx with the given traceparent as the step that comes before; one
// that cannot be read is left out.
func With(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}
