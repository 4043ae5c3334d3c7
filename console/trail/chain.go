// Package trail is the record of who did what: entries of the stream AUDIT, each of
// which holds the hash of the one before it and its own place in the stream. So an entry
// that was changed, taken out or moved shows, and with a head that was kept elsewhere
// also a tail that was cut off.
//
// An entry is a JSON object of texts. Its hash is over its subject and its bytes as they
// are stored. Entries of several consoles and commands are one chain: each is published
// on the condition that its place is the next one of the stream, and made anew behind
// the other one when that was faster.
//
// No entry holds personal data of users, who are named by their ids; so the chain stays
// whole when one is forgotten.
package trail

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Names of what each entry holds; others depend on what was done.
const (
	FieldActor  = "actor"
	FieldAction = "action"
	FieldAt     = "at"     // RFC 3339, of the clock of whom it was written by
	FieldVia    = "via"    // how the actor signed in
	FieldPrev   = "prev"   // hash of the entry before; "" of the first one there ever was
	FieldPlace  = "seq"    // its sequence in the stream
	FieldMissed = "missed" // entries before it that could not be stored
)

// Subjects are those of all entries; an entry's own ends with the action.
const Subjects = "audit.v1.>"

const subjectPrefix = "audit.v1."

// Hash is that of an entry.
func Hash(subject string, data []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", subject)
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// Head is an entry that is named by its place and its hash. All that was written before
// it is as it was, as long as it is.
type Head struct {
	Seq  uint64
	Hash string
}

// String is the form in which logs print a head and commands read it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// Short is the first 48 bits of the hash as a number, for a metric.
func (h Head) Short() float64 {
	n, _ := strconv.ParseUint(h.Hash[:min(12, len(h.Hash))], 16, 64) // a hash is hexadecimal
	return float64(n)
}

// ParseHead reads what String wrote.
func ParseHead(s string) (Head, error) {
	place, hash, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseUint(place, 10, 64)
	if b, err2 := hex.DecodeString(hash); err != nil || err2 != nil || len(b) != sha256.Size {
		return Head{}, fmt.Errorf("%q is no head of the trail, which is a number, a colon and 64 hexadecimal digits", s)
	}
	return Head{seq, hash}, nil
}

// Message is an entry as it is stored.
type Message struct {
	Seq     uint64
	Subject string
	Data    []byte
}

// Fault is what is wrong at a place of the trail.
type Fault struct {
	Seq  uint64
	Says string
}

// Verdict is what a look at the whole trail found.
type Verdict struct {
	Entries int
	Early   int  // of earlier versions, before the chain began; nothing vouches for them but what follows
	Anchor  Head // the oldest entry that is kept
	Last    Head
	Missed  int // entries that could not be stored when they were made, as later ones say
	Faults  []Fault
	Faulty  int // faults, also those beyond mostFaults
}

// mostFaults are told one by one.
const mostFaults = 100

// Verifier reads a trail from its oldest kept entry on.
type Verifier struct {
	Heads []Head // that must be in it
	v     Verdict
	found int
	chain bool // has begun
}

func (c *Verifier) fault(seq uint64, format string, args ...any) {
	if c.v.Faulty++; len(c.v.Faults) < mostFaults {
		c.v.Faults = append(c.v.Faults, Fault{seq, fmt.Sprintf(format, args...)})
	}
}

// Next takes the next entry.
func (c *Verifier) Next(m Message) {
	before := c.v.Last
	hash := Hash(m.Subject, m.Data)
	first := c.v.Entries == 0
	c.v.Entries++
	if c.v.Last = (Head{m.Seq, hash}); first {
		c.v.Anchor = c.v.Last
	}
	for _, h := range c.Heads {
		if h.Seq != m.Seq {
			continue
		}
		if c.found++; h.Hash != hash {
			c.fault(m.Seq, "is not the entry of the head that was given: it was changed, or all since an earlier one was written anew")
		}
	}
	if !first && m.Seq != before.Seq+1 {
		c.fault(m.Seq, "the entries %d to %d before it are missing", before.Seq+1, m.Seq-1)
	}
	var e map[string]string
	if err := json.Unmarshal(m.Data, &e); err != nil {
		c.fault(m.Seq, "cannot be read")
		return
	}
	prev, chained := e[FieldPrev]
	if !chained {
		if c.chain {
			c.fault(m.Seq, "is not chained to the one before it: another program, or an earlier version, has written it")
		} else {
			c.v.Early++
		}
		return
	}
	if e[FieldPlace] != strconv.FormatUint(m.Seq, 10) {
		c.fault(m.Seq, "was written for the place %s", e[FieldPlace])
	}
	if m.Subject != subjectPrefix+e[FieldAction] {
		c.fault(m.Seq, "stands under another action than its own")
	}
	if !first && prev != before.Hash {
		c.fault(m.Seq, "was not written behind the entry %d as it is now: one of the two was changed", before.Seq)
	}
	c.chain = true
	n, _ := strconv.Atoi(e[FieldMissed]) // absent is none
	c.v.Missed += n
}

// End is the verdict, when all entries were taken.
func (c *Verifier) End() Verdict {
	for _, h := range c.Heads {
		switch {
		case c.v.Entries == 0 || h.Seq > c.v.Last.Seq:
			c.fault(h.Seq, "the head that was given is not there: the trail was cut off behind %d", c.v.Last.Seq)
		case h.Seq < c.v.Anchor.Seq:
			c.fault(h.Seq, "the head that was given is older than all that is kept, so it proves nothing now")
		}
	}
	return c.v
}
