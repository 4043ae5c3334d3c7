package event

import "time"

// Place is where a message stands in the life of its stream. Places of one
// stream are compared wherever the order of events counts: messages reach the
// bridge in any order, and again.
type Place struct {
	Seq    uint64    `json:"seq,omitempty"`   // 0 when it is not known
	Stored time.Time `json:"stored,omitzero"` // JetStream's clock
	Since  time.Time `json:"since,omitzero"`  // when the stream was made
}

// Place is the position as it travels in events and records.
func (p Position) Place() Place { return Place{p.Seq, p.Stored, p.Created} }

// After tells whether the message was stored later than the one at q. Sequences
// tell it exactly: two messages may have one time, and the clock of a new leader
// may be behind that of the last one. Times tell it where a sequence is not
// known, and when the stream was made anew in between, which counts from 1 again.
func (p Place) After(q Place) bool {
	switch {
	case p.remade(q):
		return true
	case q.remade(p):
		return false
	case p.Seq > 0 && q.Seq > 0:
		return p.Seq > q.Seq
	}
	return p.Stored.After(q.Stored)
}

// remade tells whether the stream of p was made after q was stored. A stream that
// seems younger than its own message was restored, which says nothing.
func (p Place) remade(q Place) bool {
	return !p.Since.IsZero() && !q.Stored.IsZero() && p.Since.After(q.Stored) && !p.Since.After(p.Stored)
}
