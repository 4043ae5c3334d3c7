package event

// Miss is how a message ended that did not reach its person, as far as is known.
type Miss string

// The ways in which a message may have missed its person.
const (
	MissedNot     Miss = ""        // it did not, or it is too early to say
	MissedFailed  Miss = "failed"  // it did not go out, or came back
	MissedUnknown Miss = "unknown" // it was handed over and no answer came
)

// Missed tells how the message with this SendKey ended, when it is the latest welcome on
// its channel and has not reached the person. It is MissedNot for every other, and for
// one about a person to whom nothing can be sent any more.
func (p *Person) Missed(key string) Miss {
	if !p.Stands() || p.Account != nil && !p.Account.Active {
		return MissedNot
	}
	var latest Message
	channel, _ := WelcomeOn(key)
	for _, m := range p.Messages() { // the oldest first
		if m.Generation == p.Generation && m.Purpose == PurposeWelcome && m.Channel == channel {
			latest = m
		}
	}
	if SendKey(latest.Generation, latest.Purpose, latest.Channel, latest.Ordinal) != key {
		return MissedNot
	}
	switch latest.State {
	case SendFailed, SendBounced, "": // its time ran out between two tries
		return MissedFailed
	case SendUnknown:
		return MissedUnknown
	case SendSubmitting:
		if latest.Over {
			return MissedUnknown
		}
	}
	return MissedNot
}

// WelcomeOn is the channel of a welcome, of its SendKey; ok is false for what is no such
// key.
func WelcomeOn(key string) (channel string, ok bool) {
	k, ok := ParseSendKey(key)
	if !ok || k.Purpose != PurposeWelcome || k.Generation < 1 || k.Ordinal < 1 || k.Channel != ChannelEmail && k.Channel != ChannelSMS {
		return "", false
	}
	return k.Channel, true
}
