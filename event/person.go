package event

import (
	"slices"
	"time"
)

// Person is the one compact record per user that outlives everything else: the
// value of KV PEOPLE under the user id. Without it a nightly full export, or a
// replay from the start of the streams, would welcome everybody again. It holds
// no e-mail, phone or name.
type Person struct {
	Source     string          `json:"source"`     // the inbox that first brought the user
	Generation int             `json:"generation"` // 1, and one more each time it is reopened
	Status     Status          `json:"status"`     // waiting until final
	Opened     Opened          `json:"opened"`
	Decided    *Decided        `json:"decided,omitempty"`
	Sends      map[string]Send `json:"sends,omitempty"` // by SendKey

	Record   uint64       `json:"record,omitempty"`   // sequence in USERS of the record whose data count
	RecordAt time.Time    `json:"record_at,omitzero"` // when it was stored; zero: with the event that opened the first generation, or not known
	Opener   Opener       `json:"opener,omitempty"`   // what the first generation's run made of the record that opened it; "" until that is known
	N        int          `json:"n,omitempty"`        // of the last fact that moved the status, once it is final
	Account  *Account     `json:"account,omitempty"`  // what an activation made outside
	Trouble  *Trouble     `json:"trouble,omitempty"`  // why a decided user's account is not usable yet
	Orders   []Order      `json:"orders,omitempty"`   // those that were taken or answered, and the decisions of earlier generations: the latest MaxOrders, the oldest first
	Forgot   Place        `json:"forgot,omitzero"`    // of the latest order that is remembered no more
	Order    *Outstanding `json:"order,omitempty"`    // the one that is being carried out although the status is final

	Forgotten bool `json:"forgotten,omitempty"` // the data were removed on request; this much keeps a list from beginning anew
}

// Account is what an activation target made for a user.
type Account struct {
	Target  string `json:"target"`            // the kind of target, such as "scim"
	Ref     string `json:"ref,omitempty"`     // how the target calls it
	Created bool   `json:"created,omitempty"` // by usher; false when it was there before
	Active  bool   `json:"active"`
}

// Order is an event that only operators may send (withdrawn, reopened, resend),
// and that was answered. PEOPLE remembers it, so that the same event again, after
// the workflow is gone, does nothing.
type Order struct {
	Identity
	Place

	// Of an order that had no effect: how it was answered, and in which generation.
	Declined   Effect `json:"declined,omitempty"`
	Generation int    `json:"generation,omitempty"`
	Verb       string `json:"verb,omitempty"`
}

// MaxOrders is how many orders PEOPLE remembers for each person.
const MaxOrders = 16

// Outstanding is an order that PEOPLE has taken, with what it takes to carry it
// out: whatever comes next about the person sees to it that its run is there.
type Outstanding struct {
	Identity
	Place
	Verb     string   `json:"verb,omitempty"` // "" when an earlier usher took it
	Actor    string   `json:"actor,omitempty"`
	Channels []string `json:"channels,omitempty"`
	Instead  string   `json:"instead,omitempty"`

	Sent  map[string]Sent `json:"sent,omitempty"`  // by channel: how far the last welcome had come then
	After string          `json:"after,omitempty"` // the run for it that was ended from outside
}

// Run is the name in which the order's run is started. Temporal takes a name that
// its last run has for the start that it knows.
func (o Outstanding) Run() Identity {
	if o.After == "" {
		return o.Identity
	}
	return Identity{o.Source, o.ID + " " + o.After}
}

// Verification is the order as its event said it, without what may be personal.
func (o Outstanding) Verification(userID string) Verification {
	return Verification{
		Identity: o.Identity, UserID: userID, Verb: o.Verb, Actor: o.Actor, Channels: o.Channels, Instead: o.Instead, Stored: o.Stored, Seq: o.Seq, Since: o.Since,
	}
}

// Welcomes tells for each channel how far the latest welcome of this generation
// came.
func (p *Person) Welcomes() map[string]Sent {
	out := map[string]Sent{}
	for _, channel := range []string{ChannelEmail, ChannelSMS} {
		for n := 1; ; n++ {
			s, ok := p.Sends[SendKey(p.Generation, PurposeWelcome, channel, n)]
			if !ok {
				break
			}
			out[channel] = Sent{Ordinal: n, Accepted: out[channel].Accepted || s.Taken() && s.State != SendBounced}
		}
	}
	return out
}

// Opened says which event opened the generation.
type Opened struct {
	Identity
	Seq    uint64    `json:"seq"`            // in the stream of that event
	Stored time.Time `json:"stored"`         // a generation ignores decisions stored before
	Since  time.Time `json:"since,omitzero"` // when the stream of a reopening was made
}

// Place is where the event stands in its stream.
func (o Opened) Place() Place { return Place{o.Seq, o.Stored, o.Since} }

// Opener is what the run of a first generation made of the record that opened it.
// Mostly that one began it; another may be faster, since records come in any order.
type Opener string

// What became of the record that opened a generation.
const (
	OpenerBegan    Opener = ""         // it began the run, as far as is known: its fact is told by the bridge
	OpenerAnswered Opener = "answered" // another one was faster, and the run has answered this one
	OpenerUnseen   Opener = "unseen"   // another one was faster, and the run ended without having seen this one
	OpenerLate     Opener = "late"     // so it did, and the bridge answers this one
)

// Decided says which event decided about the generation.
type Decided struct {
	Identity
	Verb string    `json:"verb"`
	By   string    `json:"by"` // Verification.By
	At   time.Time `json:"at"` // stored in JetStream
	Seq  uint64    `json:"seq,omitempty"`

	Effective time.Time `json:"effective,omitzero"` // when it took effect, of one that could be undone

	// A withdrawal counts whenever it comes, so there may be an earlier decision that
	// had its effect before this one: which, and where it stands when it was said after
	// this one. There is no third.
	Before Identity `json:"before,omitzero"`
	Later  Place    `json:"later,omitzero"`

	// Of a decision that two made: the event that was the first, and who sent it. It
	// belongs to Before once a withdrawal has counted.
	First   Identity `json:"first,omitzero"`
	FirstBy string   `json:"first_by,omitempty"` // Verification.By
}

// When is when the decision took effect.
func (d *Decided) When() time.Time {
	if d.Effective.After(d.At) {
		return d.Effective
	}
	return d.At
}

// Counted tells whether the event is one of the decisions that had their effect.
func (d *Decided) Counted(id Identity) bool {
	return d != nil && id != Identity{} && (d.Identity == id || d.Before == id || d.First == id)
}

// Latest is where the latest of the decisions stands that counted. That of a run
// which was cancelled stands in no stream.
func (d *Decided) Latest() Place {
	if d == nil {
		return Place{}
	}
	own := Place{Seq: d.Seq, Stored: d.At}
	if d.Source == SourceTemporal || d.Later.After(own) {
		return d.Later
	}
	return own
}

// Instead is v as the decision that counts instead of d.
func (d *Decided) Instead(v Verification) *Decided {
	now := &Decided{Identity: v.Identity, Verb: v.Verb, By: v.By(), At: v.Stored, Seq: v.Seq, Effective: v.Effective}
	if d != nil {
		now.Before, now.First, now.FirstBy = d.Identity, d.First, d.FirstBy
	}
	if was := d.Latest(); v.Source == SourceTemporal || was.After(v.Place()) {
		now.Later = was
	}
	return now
}

// With is the decision when first was the first of two.
func (d *Decided) With(first Verification) *Decided {
	now := *d
	now.First, now.FirstBy = first.Identity, first.By()
	return &now
}

// Two is who decided first, of a decision that two made and that still counts; else "".
func (d *Decided) Two() string {
	if d.Verb == VerbWithdrawn {
		return ""
	}
	return d.FirstBy
}

// SendState is how far one message to one user has come.
type SendState string

// The states of a send. A send without an entry was never close to being taken
// by a provider.
const (
	SendSubmitting SendState = "submitting" // about to be handed over
	SendAccepted   SendState = "accepted"   // the provider took it
	SendDelivered  SendState = "delivered"  // it took it, and says that it arrived
	SendBounced    SendState = "bounced"    // it took it, and says that it will not arrive
	SendFailed     SendState = "failed"     // it did not go out and will not
	SendUnknown    SendState = "unknown"    // handed over, no answer: it may have gone out
)

// Send is the ledger's entry of one message. What was pinned at the first
// attempt stays the same at each later one, so that copies can be recognised.
type Send struct {
	State SendState `json:"state"`
	Token string    `json:"token,omitempty"` // of the attempt that wrote `submitting`

	// Of submitting: it is a lease of the process that wrote it, which ends with that
	// process, and at the latest so long after. An older usher named no owner.
	Owner Process       `json:"owner,omitzero"`
	Limit time.Duration `json:"limit,omitempty"`

	Attempts   int       `json:"attempts"` // that came as far as `submitting`
	Copies     int       `json:"copies,omitempty"`
	MessageID  string    `json:"message_id,omitempty"`
	Date       time.Time `json:"date"`
	Template   string    `json:"template,omitempty"` // name and version
	Locale     string    `json:"locale,omitempty"`
	Provider   string    `json:"provider,omitempty"`
	ProviderID string    `json:"provider_id,omitempty"`
	Reason     string    `json:"reason,omitempty"` // of failed, unknown and bounced; bounded set
	Code       string    `json:"code,omitempty"`   // of bounced: the provider's code
	By         string    `json:"by,omitempty"`     // of delivered: the person who said so, when no provider did
	At         time.Time `json:"at"`               // of the last change
	Failed     int       `json:"failed,omitempty"` // tries that did not end accepted
	Tries      []Try     `json:"tries,omitempty"`  // the last MaxTries of them
	Waits      Wait      `json:"waits,omitzero"`   // for a provider that is paused, since the last try
}

// Wait is what a message waits for that may not be tried now.
type Wait struct {
	Provider string    `json:"provider"`
	Reason   string    `json:"reason"` // bounded set
	Since    time.Time `json:"since"`  // of the pause
}

// Try is one attempt that did not end with an acceptance.
type Try struct {
	At       time.Time  `json:"at"`
	Provider string     `json:"provider,omitempty"`
	Result   string     `json:"result"`         // retry, failed or unknown
	Reason   string     `json:"reason"`         // bounded set
	Code     string     `json:"code,omitempty"` // the provider's code, never its text
	Next     *time.Time `json:"next,omitempty"` // when it is tried again
}

// MaxTries is how many tries an entry remembers.
const MaxTries = 8

// Note adds a try to what the entry remembers.
func (s *Send) Note(t Try) {
	if n := len(s.Tries); n > 0 && s.Tries[n-1].At.Equal(t.At) { // a write of it arrived after all
		return
	}
	s.Waits = Wait{}
	s.Failed = max(s.Failed, len(s.Tries)) + 1 // entries of old have no count
	s.Tries = append(slices.Clone(s.Tries), t)
	s.Tries = s.Tries[max(0, len(s.Tries)-MaxTries):]
}

// Taken reports whether the provider has taken the message, whatever it said
// later.
func (s Send) Taken() bool {
	return s.State == SendAccepted || s.State == SendDelivered || s.State == SendBounced
}

// Receive moves the entry by what a provider said later, and reports whether it
// did. It only moves forward, so receipts may come twice and in any order; a
// message that was refused and is said to have arrived has arrived.
func (s *Send) Receive(r Receipt) bool {
	forward := r.State == SendDelivered && s.State != SendDelivered && s.State != SendBounced ||
		r.State == SendBounced && (s.Taken() || s.State == SendUnknown || s.State == SendSubmitting && !r.Refusal) && s.State != SendBounced
	if forward {
		s.State, s.Reason, s.Code, s.By, s.At = r.State, r.Reason, r.Code, r.By, r.At
	}
	return forward
}
