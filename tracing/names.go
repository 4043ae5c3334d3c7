package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Kinds of steps.
const (
	Inside   = trace.SpanKindInternal
	Producer = trace.SpanKindProducer
	Consumer = trace.SpanKindConsumer
	Client   = trace.SpanKindClient
)

// The attributes of usher's steps. Those of messaging follow OpenTelemetry's
// conventions as of 1.40, where they are still in development, so they are named
// in this file only.

// Source is the inbox, or who published an event.
func Source(s string) attribute.KeyValue { return attribute.String("usher.source", s) }

// Import is the id of an import.
func Import(id string) attribute.KeyValue { return attribute.String("usher.import", id) }

// EventID is the id of an event.
func EventID(id string) attribute.KeyValue { return attribute.String("usher.event_id", id) }

// UserID is the caller's own key of a user, or one that usher derived.
func UserID(id string) attribute.KeyValue { return attribute.String("usher.user_id", id) }

// Outcome is how a message ended in the bridge.
func Outcome(o string) attribute.KeyValue { return attribute.String("usher.outcome", o) }

// Channel is how a message goes out.
func Channel(c string) attribute.KeyValue { return attribute.String("usher.channel", c) }

// Reason is one of the bounded set of reasons of a delivery.
func Reason(r string) attribute.KeyValue { return attribute.String("usher.reason", r) }

// Attempt counts from 1.
func Attempt(n int) attribute.KeyValue { return attribute.Int("usher.attempt", n) }

// Count is how many messages a step handles.
func Count(n int) attribute.KeyValue { return attribute.Int("messaging.batch.message_count", n) }

// Stream is where a message comes from or goes to.
func Stream(name string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", name)}
}
