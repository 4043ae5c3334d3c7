package bulk

import "time"

// State is how far an operation is.
type State string

// The states of an operation.
const (
	Draft     State = "draft"     // the people are chosen, and the decision is not made
	Waiting   State = "waiting"   // it can be undone; nothing is sent yet
	Running   State = "running"   // decisions are sent, or not all are answered
	Done      State = "done"      // each decision has its result
	Cancelled State = "cancelled" // it was stopped; what had been sent counts
	Undone    State = "undone"    // it was taken back before anything was sent
)

// Most is how many people one operation may be about.
const Most = 100_000

// Person is one whom an operation is about: of which generation the person was when
// chosen; 0 when that was not known yet.
type Person struct {
	UserID     string
	Generation int
}

// Operation is the record of a decision about many people.
type Operation struct {
	ID    string `json:"id"`
	State State  `json:"state"`

	Scope   Scope     `json:"scope"`
	Matched int       `json:"matched"`
	Chunks  int       `json:"chunks"`
	Chosen  time.Time `json:"chosen"`            // the people
	Request string    `json:"request,omitempty"` // the fingerprint of the request that chose them, when it had a key

	Actor    string    `json:"actor,omitempty"`
	Via      string    `json:"via,omitempty"`      // how the actor signed in
	Decision string    `json:"decision,omitempty"` // approved or rejected
	Reason   string    `json:"reason,omitempty"`
	Note     string    `json:"note,omitempty"` // until it is over
	Begun    time.Time `json:"begun,omitzero"` // the decision was made
	Starts   time.Time `json:"starts,omitzero"`

	Next    int    `json:"next,omitempty"`    // people before it are dealt with
	Holder  string `json:"holder,omitempty"`  // the console that carries it out
	Beat    int    `json:"beat,omitempty"`    // grows with each writing of the holder
	Trouble string `json:"trouble,omitempty"` // why it does not go on now

	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"` // who cancelled it, or took it back
	Final   *Counts   `json:"final,omitempty"`    // once nothing more can become of it
}

// Scope says how the people were chosen, as far as that says nothing of a person: a
// search may be for a name, so it is not kept.
type Scope struct {
	Status   string `json:"status,omitempty"`
	Inbox    string `json:"inbox,omitempty"`
	Import   string `json:"import,omitempty"`
	Age      string `json:"age,omitempty"`
	Language string `json:"language,omitempty"`
	By       string `json:"by,omitempty"`
	Bulk     string `json:"bulk,omitempty"` // an earlier operation
	Searched bool   `json:"searched,omitempty"`
	Selected bool   `json:"selected,omitempty"` // one by one

	ByInbox  []Share  `json:"by_inbox,omitempty"`  // the largest, the rest as one
	ByImport []Share  `json:"by_import,omitempty"` // the same
	First    []string `json:"first,omitempty"`     // user ids
}

// Share is how many of the people have one value; "" stands for the rest.
type Share struct {
	Value string `json:"value"`
	N     int    `json:"n"`
	Rest  bool   `json:"rest,omitempty"`
}

// Counts are what became of the decisions of an operation.
type Counts struct {
	Sent    int `json:"sent"`
	Applied int `json:"applied"` // they had their effect
	Half    int `json:"half"`    // each is one of the two that are needed
	Late    int `json:"late"`    // another decision was first
	Failed  int `json:"failed"`  // they can have none
	Parked  int `json:"-"`       // they wait for a person who is not there yet
}

// Answered is how many have a result.
func (c Counts) Answered() int { return c.Applied + c.Half + c.Late + c.Failed }

// Settled tells whether nothing more can become of the operation, so that none has to
// carry it out.
func (o Operation) Settled() bool {
	switch o.State {
	case Waiting, Running:
		return false
	case Cancelled:
		return o.Final != nil
	}
	return true
}

// Over tells whether nothing more is sent.
func (o Operation) Over() bool {
	return o.State == Done || o.State == Cancelled || o.State == Undone
}
