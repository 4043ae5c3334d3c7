package event

import "time"

// Kinds of facts: the third token of onboarding.v1.<fact>.<shard>.
const (
	FactStarted     = "started"
	FactParked      = "parked"
	FactUpdated     = "updated"
	FactUnchanged   = "unchanged"
	FactDuplicate   = "duplicate"
	FactReminded    = "reminded"
	FactApproved    = "approved"
	FactRejected    = "rejected"
	FactPending     = "pending" // a decision that can be undone until it takes effect
	FactUndone      = "undone"  // answers a decision that was taken back, and the event that asked for it
	FactHalf        = "half"    // a decision that is the first of two
	FactRefused     = "refused" // a decision that does not count, because two others have to make it
	FactLate        = "late"
	FactExpired     = "expired"
	FactActivated   = "activated"
	FactDeactivated = "deactivated"
	FactSent        = "sent"
	FactDelivered   = "delivered" // the provider says that it arrived
	FactBounced     = "bounced"   // the provider took it and says that it will not arrive
	FactFailed      = "failed"
	FactWelcomed    = "welcomed"
	FactWithdrawn   = "withdrawn"
	FactReopened    = "reopened"
	FactResend      = "resend"
	FactForgotten   = "forgotten" // readers delete what they know of the user
	FactFinished    = "finished"  // partly_welcomed, unreached, failed: see Status
)

// Status is where a user's onboarding stands.
type Status string

// The statuses of an onboarding. Those from StatusWelcomed on are final.
const (
	StatusParked   Status = "parked"
	StatusWaiting  Status = "waiting"
	StatusApproved Status = "approved"
	StatusActive   Status = "active"

	StatusWelcomed       Status = "welcomed"
	StatusPartlyWelcomed Status = "partly_welcomed"
	StatusUnreached      Status = "unreached"
	StatusRejected       Status = "rejected"
	StatusExpired        Status = "expired"
	StatusWithdrawn      Status = "withdrawn"
	StatusFailed         Status = "failed"
)

// Statuses lists every status in the order in which a user may go through them.
func Statuses() []Status {
	return []Status{
		StatusParked, StatusWaiting, StatusApproved, StatusActive,
		StatusWelcomed, StatusPartlyWelcomed, StatusUnreached,
		StatusRejected, StatusExpired, StatusWithdrawn, StatusFailed,
	}
}

// Final reports whether nothing more happens in this generation by itself.
func (s Status) Final() bool {
	switch s {
	case StatusParked, StatusWaiting, StatusApproved, StatusActive, "":
		return false
	}
	return true
}

// Effect is what became of an event.
type Effect string

// The effects of an event.
const (
	EffectApplied   Effect = "applied"   // it moved the onboarding on
	EffectUpdated   Effect = "updated"   // it corrected the user's data
	EffectUnchanged Effect = "unchanged" // it said what was known
	EffectDuplicate Effect = "duplicate" // this very event was seen before
	EffectLate      Effect = "late"      // the decision had been taken
	EffectUndone    Effect = "undone"    // it was taken back before it took effect
	EffectHalf      Effect = "half"      // it is one of the two decisions that are needed
	EffectRefused   Effect = "refused"   // it does not count as one of the two: Fact.Why
)

// Effects lists every effect.
func Effects() []Effect {
	return []Effect{EffectApplied, EffectUpdated, EffectUnchanged, EffectDuplicate, EffectLate, EffectUndone, EffectHalf, EffectRefused}
}

// Kinds of events that facts answer.
const (
	AnswersUser         = "user"
	AnswersVerification = "verification"
)

// Fact is the body of onboarding.v1.<fact>.<shard>: something that became true about one
// user's onboarding. It carries no e-mail, phone or name. Facts are published at
// least once and may arrive in any order: the status of a user is that of the
// highest (Generation, N), a timeline keeps every ID. A fact that moves nothing
// (late, duplicate, unchanged) has N 0, so that it can never hide one that does.
type Fact struct {
	ID         string    `json:"id"`
	Kind       string    `json:"fact"`
	UserID     string    `json:"user_id"`
	Generation int       `json:"generation"` // 0 while parked: the user is not known yet
	N          int       `json:"n"`          // 0: from the bridge, or moves nothing; else counted by the workflow
	At         time.Time `json:"at"`
	Status     Status    `json:"status,omitempty"`

	// The event that this fact answers, if it does.
	Answers     string `json:"answers,omitempty"` // AnswersUser or AnswersVerification
	EventID     string `json:"event_id,omitempty"`
	EventSource string `json:"event_source,omitempty"`
	Effect      Effect `json:"effect,omitempty"`

	Inbox    string     `json:"inbox,omitempty"`
	Import   string     `json:"import,omitempty"`
	OpenedAt *time.Time `json:"opened_at,omitempty"` // of decisions: when the wait began

	// Of a decision, also in the `late` fact that answers a second one.
	Verdict   string     `json:"verdict,omitempty"` // a verb
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	FirstBy   string     `json:"first_by,omitempty"` // whose decision was the first of two

	// Of a user for whom two have to decide: what one of them has said. It stands with
	// the status, so it is over with the next fact that moves this and has none.
	Half []Vote `json:"half,omitempty"`
	Why  string `json:"why,omitempty"` // of refused; and of updated and unchanged, that what half was there fell; one of the Why… values

	Target string `json:"target,omitempty"` // of activated and deactivated: "none" until one is configured

	// Of sent and failed. A failed without a channel is about the account.
	Purpose  string `json:"purpose,omitempty"` // "" is the welcome
	Channel  string `json:"channel,omitempty"`
	Ordinal  int    `json:"ordinal,omitempty"` // from 2 on: sent again by an operator
	Provider string `json:"provider,omitempty"`
	Reason   string `json:"reason,omitempty"` // one of a bounded set, never free text
	Copies   int    `json:"copies,omitempty"` // sent again after an unknown outcome
	By       string `json:"by,omitempty"`     // of delivered: the person who says so, when no provider does

	// On the way from the run to the step that publishes the fact, which leaves it out.
	Note *Note `json:"people,omitempty"`
}

// Note is what PEOPLE is told or asked before a fact is published, because the run
// cannot know it. What was answered is known then when the event comes again and its
// run is gone.
type Note struct {
	Declined *Order `json:"declined,omitempty"` // an order that has no effect
	Opener   Opener `json:"opener,omitempty"`   // the fact answers the record that opened the first generation
	Over     bool   `json:"over,omitempty"`     // the fact answers a record that came after the end
	Send     string `json:"send,omitempty"`     // the fact tells that this message failed, by its SendKey
}

// WithID returns the fact with the id that it has each time it is published. A
// fact that answers an event has the same id from each publisher, workflow or
// bridge, so N is no part of that.
func (f Fact) WithID() Fact {
	if f.EventID != "" {
		f.ID = FactID(f.UserID, f.Generation, 0, f.Kind, f.EventSource+"/"+f.EventID)
	} else {
		f.ID = FactID(f.UserID, f.Generation, f.N, f.Kind, "")
	}
	return f
}
