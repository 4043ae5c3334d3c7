package event

import "time"

// Onboarding is what the workflow Onboard is started with. Fields are only ever
// added: runs are open for weeks.
type Onboarding struct {
	UserID     string `json:"user_id"`
	Generation int    `json:"generation"` // 0: parked, the user has not arrived
	Inbox      string `json:"inbox,omitempty"`
	Opened     Opened `json:"opened"` // by a verification while parked

	User   *User    `json:"user,omitempty"`   // nil while parked
	Record uint64   `json:"record,omitempty"` // sequence of these data in USERS
	At     Place    `json:"at,omitzero"`      // of that record, as far as it is known
	Event  Identity `json:"event,omitzero"`   // that brought them, when it is not the one that opened

	// Carries out an order about a user whose onboarding is over.
	Order *OrderStart `json:"order,omitempty"`

	// FromPeople says that the rest is what PEOPLE said when the bridge looked. The run
	// looks again before anything else, because the bridge may have slept since.
	FromPeople bool `json:"from_people,omitempty"`

	Revision  int       `json:"revision,omitempty"` // of the story that the run follows to its end
	Settings  Settings  `json:"settings"`
	Verifiers Verifiers `json:"verifiers,omitempty"` // of the inbox
	Trace     string    `json:"trace,omitempty"`     // W3C traceparent of the step that started the run
}

// Revision is the story that new runs follow. A run keeps the one that it was
// started with, so the code goes on understanding every revision that may have
// open runs; docs/workflow.md says how to add one. 0 is from before revisions.
const Revision = 4

// OrderStart is an order after the end. Where the earlier run left off, PEOPLE tells
// the run; only before revision 4 the bridge did.
type OrderStart struct {
	Verification
	Status  Status          `json:"status,omitempty"`
	N       int             `json:"n,omitempty"` // of the last fact
	Decided *Decided        `json:"decided,omitempty"`
	Account *Account        `json:"account,omitempty"`
	Sent    map[string]Sent `json:"sent,omitempty"` // by channel: the last welcome

	Done []Identity `json:"done,omitempty"` // other orders that had their effect
}

// Sent is how far the latest welcome by one channel came.
type Sent struct {
	Ordinal  int  `json:"ordinal"`
	Accepted bool `json:"accepted"`
}

// Settings are the limits of one onboarding. They travel with the start, so that
// a running workflow never sees them change.
type Settings struct {
	ExpireAfter   time.Duration `json:"expire_after,omitempty"`   // how long a user waits for a decision; 0: for ever
	Target        string        `json:"target,omitempty"`         // where the account is activated; "": nowhere
	UndoUnreached bool          `json:"undo_unreached,omitempty"` // of a user whom no message reached, the account is undone
	TellRejected  bool          `json:"tell_rejected,omitempty"`  // a rejected user gets an e-mail
	FourEyes      *FourEyes     `json:"four_eyes,omitempty"`      // two people decide; nil: one does

	ParkedFor   time.Duration `json:"parked_for"`   // how long a verification waits for its user
	SendFor     time.Duration `json:"send_for"`     // how long a message is tried
	SendAttempt time.Duration `json:"send_attempt"` // one try at most
	RetryFirst  time.Duration `json:"retry_first"`  // the first pause between two tries; it doubles
	Heartbeat   time.Duration `json:"heartbeat"`    // a worker silent for so long is taken for dead
}

// DefaultSettings are those of production.
func DefaultSettings() Settings {
	return Settings{
		ExpireAfter: 30 * 24 * time.Hour,
		ParkedFor:   72 * time.Hour,
		SendFor:     24 * time.Hour,
		SendAttempt: 12 * time.Minute, // RFC 5321 gives a server ten minutes after the final dot
		RetryFirst:  2 * time.Second,
		Heartbeat:   5 * time.Second,
	}
}

// UserEvent is the signal `user`: an imported event for a user whose workflow
// runs already.
type UserEvent struct {
	Identity
	Inbox      string    `json:"inbox"`
	Generation int       `json:"generation"`       // from PEOPLE: what a parked run becomes
	Opened     Opened    `json:"opened"`           // the generation
	Record     uint64    `json:"record,omitempty"` // sequence of the data in USERS
	At         Place     `json:"at,omitzero"`      // of that record
	User       User      `json:"user"`
	Settings   *Settings `json:"settings,omitempty"`  // of the inbox
	Verifiers  Verifiers `json:"verifiers,omitempty"` // of the inbox
	Trace      string    `json:"trace,omitempty"`     // W3C traceparent
}

// OnboardingStatus answers the query `status`. It holds no personal data.
type OnboardingStatus struct {
	UserID     string     `json:"user_id"`
	Generation int        `json:"generation"`
	Status     Status     `json:"status"`
	Verdict    string     `json:"verdict,omitempty"`
	DecidedBy  string     `json:"decided_by,omitempty"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
	Half       []Vote     `json:"half,omitempty"` // decisions that wait for a second person
}
