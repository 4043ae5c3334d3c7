package streams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// forOthers are the streams as Ensure makes them, without metadata that says nothing.
func forOthers(o Options) []jetstream.StreamConfig {
	all := Table(o)
	for i := range all {
		if all[i].Metadata[metaKey] == "" {
			all[i].Metadata = nil
		}
	}
	return all
}

// ForNATS is the table as the `nats` tool takes it: the configuration of one stream a
// line, each for `nats stream add --config`.
func ForNATS(o Options) ([]byte, error) {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false) // the > of subjects stays one
	for _, c := range forOthers(o) {
		if err := lines.Encode(c); err != nil {
			return nil, fmt.Errorf("stream %s: %w", c.Name, err)
		}
	}
	return out.Bytes(), nil
}

// ForNACK is the table as resources of NACK, the Kubernetes controller of JetStream
// (jetstream.nats.io/v1beta2). They make what is missing, and change and delete nothing:
// an update by NACK would take from a stream what usher has written into its metadata,
// and the deletion of a resource would take the stream.
func ForNACK(o Options) []byte {
	var b strings.Builder
	line := func(indent int, key string, value any) {
		if text, ok := value.(string); ok {
			value = strconv.Quote(text) // names, words and durations are ASCII
		}
		fmt.Fprintf(&b, "%s%s: %v\n", strings.Repeat(" ", indent), key, value)
	}
	for i, c := range forOthers(o) {
		if i > 0 {
			b.WriteString("---\n")
		}
		b.WriteString("apiVersion: jetstream.nats.io/v1beta2\nkind: Stream\nmetadata:\n")
		line(2, "name", "usher-"+strings.ToLower(strings.ReplaceAll(c.Name, "_", "-")))
		b.WriteString("spec:\n")
		line(2, "name", c.Name)
		b.WriteString("  subjects:\n")
		for _, s := range c.Subjects {
			fmt.Fprintf(&b, "    - %q\n", s)
		}
		line(2, "storage", strings.ToLower(c.Storage.String()))
		line(2, "retention", strings.ToLower(c.Retention.String()))
		line(2, "discard", map[jetstream.DiscardPolicy]string{jetstream.DiscardNew: "new", jetstream.DiscardOld: "old"}[c.Discard])
		line(2, "replicas", c.Replicas)
		line(2, "maxBytes", c.MaxBytes)
		for _, n := range []struct {
			key   string
			value int64
		}{{"maxMsgSize", int64(c.MaxMsgSize)}, {"maxMsgsPerSubject", c.MaxMsgsPerSubject}} {
			if n.value > 0 {
				line(2, n.key, n.value)
			}
		}
		if c.MaxAge > 0 {
			line(2, "maxAge", c.MaxAge.String())
		}
		if c.Duplicates > 0 {
			line(2, "duplicateWindow", c.Duplicates.String())
		}
		for _, f := range []struct {
			key string
			on  bool
		}{
			{"allowDirect", c.AllowDirect}, {"allowRollup", c.AllowRollup}, {"allowMsgTtl", c.AllowMsgTTL},
			{"allowAtomicPublish", c.AllowAtomicPublish}, {"denyDelete", c.DenyDelete}, {"preventDelete", true}, {"preventUpdate", true},
		} {
			if f.on {
				line(2, f.key, true)
			}
		}
		if len(c.Metadata) > 0 {
			b.WriteString("  metadata:\n")
			line(4, metaKey, c.Metadata[metaKey])
		}
	}
	return []byte(b.String())
}
