// Package promises is what usher promises about people, as plain functions over
// what a test saw of it: messages in streams, records, what providers took, what
// the console shows. A test brings usher to rest, fills in a World and calls
// Broken. The functions know neither servers nor time, so that a test with real
// servers and a simulation can check the same list.
package promises

import (
	"slices"

	"usher/event"
)

// World is what there is to be seen of usher at rest: nothing is waiting in a
// stream, no message is on its way.
type World struct {
	Records []Record                // every message of users.v1.imported
	Events  []Event                 // every verification that its sender knows to be stored
	People  map[string]event.Person // KV PEOPLE by user id
	Facts   []event.Fact            // ONBOARDING, in the order of the stream
	Arrived []Arrival               // what the providers took
	Letters []Letter                // DEADLETTERS
	Pages   map[string]Page         // what the console shows by user id; nil when there is no console

	// Deserved is how many dead letters there should be by reason, because the test
	// has sent messages that cannot be used.
	Deserved map[string]int
}

// Record is one record of a dropped file as USERS holds it.
type Record struct {
	event.Identity
	Seq          uint64
	UserID       string
	Inbox        string
	Email, Phone string
}

// Event is a decision or an order that was sent.
type Event struct {
	event.Identity
	UserID, Verb string
	Told         event.Effect // what its sender was answered, "" when it was answered nothing
}

// Arrival is one message that a provider took. ID is its Message-ID, "" for a
// channel that has none.
type Arrival struct{ Channel, To, ID string }

// Letter is a dead letter.
type Letter struct {
	Stream   string
	Sequence uint64
	EventID  string
	Reason   string
}

// Page is one person as the console shows them.
type Page struct {
	Status     event.Status
	Generation int
	Facts      []string                   // ids of the timeline
	Messages   map[string]event.SendState // by SendKey; nil when they were not asked for
}

// Promise is one thing that usher promises.
type Promise struct {
	Name   string               // one word, with which each sentence of Broken begins
	Says   string               // what is promised
	broken func(World) []string // a sentence for each case, without personal data
}

// All are the promises, in the order of what is worst when it is broken.
func All() []Promise {
	return []Promise{
		{"record", "each record has one visible outcome", outcomes},
		{"once", "each message goes out at most once, unless the ledger counts a copy", once},
		{"address", "the newest record counts, and a message goes to its address", addressed},
		{"answer", "each decision and order is answered, and what was answered is what was done", answers},
		{"agree", "PEOPLE, the facts and the console agree", agreement},
		{"letters", "no message is a dead letter that did not deserve it", letters},
	}
}

// Broken returns a sentence for each case of a promise that was not kept.
func Broken(w World) (out []string) {
	for _, p := range All() {
		for _, s := range p.broken(w) {
			out = append(out, p.Name+": "+s)
		}
	}
	return out
}

// answering are the facts that say what became of an event, by its identity.
func (w World) answering(answers string) map[event.Identity][]event.Fact {
	out := map[event.Identity][]event.Fact{}
	for _, f := range w.Facts {
		if f.Answers == answers && f.Effect != "" {
			id := event.Identity{Source: f.EventSource, ID: f.EventID}
			out[id] = append(out[id], f)
		}
	}
	return out
}

// effects are what the facts say became of their event in each generation, each
// one once. That it was there before says nothing new.
func effects(facts []event.Fact) map[int][]event.Effect {
	out := map[int][]event.Effect{}
	for _, f := range facts {
		if f.Effect != event.EffectDuplicate && !slices.Contains(out[f.Generation], f.Effect) {
			out[f.Generation] = append(out[f.Generation], f.Effect)
		}
	}
	return out
}
