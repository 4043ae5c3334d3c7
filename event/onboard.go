package event

import "time"

// Onboarding is what the workflow Onboard is started with. Fields are only ever
// added: runs are open for weeks.
type Onboarding struct {
	UserID     string `json:"user_id"`
	Generation int    `json:"generation"` // 0: parked, the user has not arrived
	Inbox      string `json:"inbox,omitempty"`
	Opened     Opened `json:"opened"` // by a verification while parked

	User *User `json:"user,omitempty"` // nil while parked

	Settings  Settings  `json:"settings"`
	Verifiers Verifiers `json:"verifiers,omitempty"` // of the inbox
	Trace     string    `json:"trace,omitempty"`     // W3C traceparent of the step that started the run
}

// Settings are the limits of one onboarding. They travel with the start, so that
// a running workflow never sees them change.
type Settings struct {
	ParkedFor   time.Duration `json:"parked_for"`   // how long a verification waits for its user
	SendFor     time.Duration `json:"send_for"`     // how long a message is tried
	SendAttempt time.Duration `json:"send_attempt"` // one try at most
	RetryFirst  time.Duration `json:"retry_first"`  // the first pause between two tries; it doubles
	Heartbeat   time.Duration `json:"heartbeat"`    // a worker silent for so long is taken for dead
}

// DefaultSettings are those of production.
func DefaultSettings() Settings {
	return Settings{
		ParkedFor:   72 * time.Hour,
		SendFor:     24 * time.Hour,
		SendAttempt: 2 * time.Minute,
		RetryFirst:  2 * time.Second,
		Heartbeat:   5 * time.Second,
	}
}

// UserEvent is the signal `user`: an imported event for somebody whose workflow
// runs already.
type UserEvent struct {
	Identity
	Inbox      string    `json:"inbox"`
	Generation int       `json:"generation"` // from PEOPLE: what a parked run becomes
	Opened     Opened    `json:"opened"`
	User       User      `json:"user"`
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
}
