package event

import "time"

// Process names one life of a worker process: the data folder it runs on, and
// which start on it this is. Of two lives on one folder only the later one can be
// alive.
type Process struct {
	ID    string `json:"id"`
	Start uint64 `json:"start"`
}

// Answer is what came of handing a message over, on its way into the ledger. It
// travels beside the ledger when that cannot be written, so it holds no address.
type Answer struct {
	Token      string    `json:"token"` // of the attempt
	State      SendState `json:"state"` // accepted, failed or unknown; "" when the message was not taken and may be tried again
	Provider   string    `json:"provider,omitempty"`
	ProviderID string    `json:"provider_id,omitempty"`
	Reason     string    `json:"reason,omitempty"` // why it was not accepted; bounded set
	At         time.Time `json:"at"`
	Try        *Try      `json:"try,omitempty"` // to be remembered; nil when it was accepted
}

// Settle moves the entry by an answer. An acceptance counts whichever attempt
// brings it and however late, because the message is out; any other answer only
// while the attempt that it answers still has the message. That an attempt was refused
// says nothing about an earlier one: where that had no answer, the outcome is unknown
// again. An entry that is taken stays as it is, but for the provider's id
// where a receipt came before its answer.
func (s *Send) Settle(a Answer) {
	switch {
	case s.Taken():
		if a.State == SendAccepted && s.Token == a.Token && s.ProviderID == "" {
			s.Provider, s.ProviderID = a.Provider, a.ProviderID
		}
		return
	case a.State == SendAccepted:
		s.State, s.Provider, s.ProviderID, s.Reason, s.At = SendAccepted, a.Provider, a.ProviderID, "", a.At
	case a.Token == "" || s.Token != a.Token || s.State != SendSubmitting && s.State != SendUnknown:
		return
	default:
		if a.Try != nil {
			s.Note(*a.Try)
		}
		s.State, s.Reason, s.At = a.State, a.Reason, a.At
		switch {
		case a.State != "":
			s.Provider = a.Provider
		case s.Copies > 0: // it was no copy after all, and what it was to be one of may have gone out
			s.State, s.Reason, s.Token, s.Copies = SendUnknown, ReasonUnknown, "", s.Copies-1
		default:
			s.Token = "" // free for another try
		}
	}
	s.Owner, s.Limit = Process{}, 0
}
