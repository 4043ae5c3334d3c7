package streams

import (
	"usher/event"

	"github.com/nats-io/nats.go/jetstream"
)

// Table are the streams as Ensure makes them, for who only looks.
func Table(o Options) []jetstream.StreamConfig {
	var out []jetstream.StreamConfig
	for _, r := range table(o) {
		out = append(out, r.cfg)
	}
	return out
}

// Check says which setting of one of usher's streams breaks a guarantee; nil for a
// stream that usher can use, and for one that it does not know.
func Check(got jetstream.StreamConfig) error {
	for _, r := range table(Options{}) {
		if r.cfg.Name == got.Name {
			return check(r.cfg, got)
		}
	}
	return nil
}

// Lost says which streams are gone or were made anew, as Ensure would.
func Lost(infos map[string]*jetstream.StreamInfo) error { return lost(infos, nil) }

// Born is when a stream says that it was made; "" when it does not say.
func Born(i *jetstream.StreamInfo) string { return i.Config.Metadata[event.MetaBirth] }

// KeyFingerprint is that of the key under which a stream was filled; "" when it does
// not say.
func KeyFingerprint(c jetstream.StreamConfig) string { return c.Metadata[metaKey] }

// LeastAPI is the level of JetStream's API that usher needs.
const LeastAPI = leastAPI
