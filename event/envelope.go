package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Types of the events that usher publishes; the data schema is named after them.
const (
	TypeImported     = "usher.user.imported.v1"
	TypeVerification = "usher.verification.v1" // followed by "." and the verb
	TypeFact         = "usher.onboarding.v1"   // followed by "." and the kind
)

// Headers outside CloudEvents that usher reads or writes.
const (
	HeaderMsgID       = "Nats-Msg-Id"
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
)

// Envelope is what surrounds the JSON body of an event, in CloudEvents' terms
// (https://github.com/cloudevents/spec, version 1.0).
type Envelope struct {
	ID         string
	Type       string
	Source     string
	Subject    string
	Time       time.Time
	DataSchema string

	MsgID       string // Nats-Msg-Id
	TraceParent string // W3C trace context
	TraceState  string

	Data []byte // the JSON body
}

// ErrMalformed is wrapped by every error of ParseEnvelope: the message cannot be
// read as an event, and no other try will change that.
var ErrMalformed = errors.New("malformed event")

// ParseEnvelope reads a message in any of the forms that usher accepts:
// CloudEvents binary mode (ce-… headers, JSON body), structured mode
// (Content-Type: application/cloudevents+json), or a bare JSON body. Header
// names match whatever their case, as the NATS binding of CloudEvents wants.
// The body must be one JSON object.
func ParseEnvelope(header map[string][]string, body []byte) (Envelope, error) {
	h := foldHeader(header)
	e := Envelope{
		MsgID:       h["nats-msg-id"],
		TraceParent: h[HeaderTraceParent],
		TraceState:  h[HeaderTraceState],
	}
	if v := h["ce-specversion"]; v != "" && !strings.HasPrefix(v, "1.") {
		return e, fmt.Errorf("%w: CloudEvents version %.16q is not supported, send 1.0", ErrMalformed, v)
	}
	if strings.HasPrefix(h["content-type"], "application/cloudevents") {
		return e.structured(body)
	}
	e.ID = unescape(h["ce-id"])
	e.Type = unescape(h["ce-type"])
	e.Source = unescape(h["ce-source"])
	e.Subject = unescape(h["ce-subject"])
	e.DataSchema = unescape(h["ce-dataschema"])
	e.Time, _ = time.Parse(time.RFC3339Nano, h["ce-time"])
	return e.withData(body)
}

func (e Envelope) structured(body []byte) (Envelope, error) {
	var s struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Type        string          `json:"type"`
		Source      string          `json:"source"`
		Subject     string          `json:"subject"`
		Time        string          `json:"time"`
		DataSchema  string          `json:"dataschema"`
		TraceParent string          `json:"traceparent"`
		TraceState  string          `json:"tracestate"`
		Data        json.RawMessage `json:"data"`
		DataBase64  []byte          `json:"data_base64"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return e, fmt.Errorf("%w: the body is not a CloudEvents object in JSON", ErrMalformed)
	}
	if !strings.HasPrefix(s.SpecVersion, "1.") {
		return e, fmt.Errorf("%w: CloudEvents version %.16q is not supported, send 1.0", ErrMalformed, s.SpecVersion)
	}
	e.ID, e.Type, e.Source, e.Subject, e.DataSchema = s.ID, s.Type, s.Source, s.Subject, s.DataSchema
	e.Time, _ = time.Parse(time.RFC3339Nano, s.Time)
	if s.TraceParent != "" {
		e.TraceParent, e.TraceState = s.TraceParent, s.TraceState
	}
	if len(s.Data) == 0 {
		s.Data = s.DataBase64
	}
	return e.withData(s.Data)
}

func (e Envelope) withData(body []byte) (Envelope, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return e, fmt.Errorf("%w: the message has no body", ErrMalformed)
	}
	if body[0] != '{' || !json.Valid(body) {
		return e, fmt.Errorf("%w: the body is not a JSON object", ErrMalformed)
	}
	e.Data = body
	return e, nil
}

// Header is the envelope in CloudEvents binary mode, ready for a NATS message.
func (e Envelope) Header() map[string][]string {
	h := map[string][]string{
		"ce-specversion":     {"1.0"},
		"ce-datacontenttype": {"application/json"},
	}
	set := func(k, v string) {
		if v != "" {
			h[k] = []string{v}
		}
	}
	set("ce-id", escape(e.ID))
	set("ce-type", escape(e.Type))
	set("ce-source", escape(e.Source))
	set("ce-subject", escape(e.Subject))
	set("ce-dataschema", escape(e.DataSchema))
	if !e.Time.IsZero() {
		set("ce-time", e.Time.UTC().Format(time.RFC3339Nano))
	}
	set(HeaderMsgID, e.MsgID)
	set(HeaderTraceParent, e.TraceParent)
	set(HeaderTraceState, e.TraceState)
	return h
}

func foldHeader(header map[string][]string) map[string]string {
	h := make(map[string]string, len(header))
	for k, v := range header {
		if len(v) > 0 {
			h[strings.ToLower(k)] = v[0]
		}
	}
	return h
}

// escape percent-encodes what the HTTP and NATS bindings of CloudEvents want
// encoded in a header value: space, double quote, percent, and all that is not
// printable ASCII.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == '%' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
