package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// Reasons why a message was not accepted: a bounded set for both channels, in
// the ledger, in facts and as a metric label.
const (
	ReasonRecipient   = "recipient_invalid"
	ReasonBlocked     = "recipient_blocked"
	ReasonRecipientNo = "recipient_refused" // the recipient's, and no reason to suppress the address
	ReasonMailboxFull = "mailbox_full"
	ReasonRefused     = "refused" // for good, and nothing says whose fault it is
	ReasonContent     = "content_rejected"
	ReasonSender      = "sender_rejected"
	ReasonConfig      = "config" // credentials, TLS, relaying, no credit
	ReasonQuota       = "quota"
	ReasonReputation  = "reputation"
	ReasonNoRoute     = "no_route"       // not ours to send to through this provider
	ReasonSMTPUTF8    = "needs_smtputf8" // the address does, and the server does not have it
	ReasonDeferred    = "deferred"       // this message only, as greylisting does
	ReasonRateLimited = "rate_limited"
	ReasonTransient   = "transient"
	ReasonUnknown     = event.ReasonUnknown
	ReasonRender      = "render_error"
	ReasonNotAllowed  = "not_allowed"       // the allow-list does not have the recipient
	ReasonSuppressed  = "suppressed"        // the suppression list has it
	ReasonUndelivered = "undelivered"       // of receipts: taken, and not delivered
	ReasonExpired     = event.ReasonExpired // tried for as long as it may be
	ReasonNoProvider  = event.ReasonNoProvider
)

// Reasons lists the bounded set.
var Reasons = func() []string {
	var names []string
	for _, r := range event.DeliveryReasons {
		names = append(names, r.Name)
	}
	return names
}()

type class int

const (
	transient class = iota // not sent; another try may help
	permanent              // not sent, and no other try will help
	unproven               // not sent, and only other messages show whether a try helps: see evidence
	spent                  // not sent; this provider never takes it, another may
	unknown                // it may have been sent
)

// effect is what follows from a reason.
type effect struct {
	class    class
	blames   bool          // it is the provider's trouble: every other message would meet it too
	pause    time.Duration // of the provider, or of the message when neither is blamed; unless the provider names one
	most     time.Duration // up to which pauses of the provider double
	grows    bool          // then they grow with the trouble: a long one was not mended just now
	suppress bool          // the address gets nothing more
}

// A probe comes within half a minute of the mend. Where each one may do harm, as with
// a quota that is used up or a bad name, that holds while an operator may be mending it,
// for a quarter of an hour; after that the pause is a part of the time that the
// trouble has lasted. A refused password is asked about less often from the start,
// because too many lock an account; who changes it here starts the worker anew.
const (
	pauseFirst  = 10 * time.Second
	pauseProbe  = 20 * time.Second
	pausePart   = 30 // of the time that a trouble has lasted
	pauseMost   = 15 * time.Minute
	pauseSignIn = time.Minute
)

var effects = map[string]effect{
	ReasonRecipient:   {class: permanent, suppress: true},
	ReasonBlocked:     {class: permanent, suppress: true},
	ReasonRecipientNo: {class: permanent},
	ReasonMailboxFull: {pause: 15 * time.Minute},
	ReasonRefused:     {class: unproven, pause: pauseFirst, most: pauseProbe},
	ReasonContent:     {class: unproven, pause: pauseFirst, most: pauseProbe},
	ReasonNoRoute:     {class: unproven, pause: pauseFirst, most: pauseProbe},
	ReasonSMTPUTF8:    {class: spent},
	ReasonSender:      {blames: true, pause: pauseFirst, most: pauseProbe},
	ReasonConfig:      {blames: true, pause: pauseFirst, most: pauseProbe, grows: true},
	ReasonQuota:       {blames: true, pause: pauseFirst, most: pauseProbe, grows: true},
	ReasonReputation:  {blames: true, pause: pauseFirst, most: pauseProbe, grows: true},
	ReasonDeferred:    {},
	ReasonRateLimited: {blames: true, pause: 30 * time.Second},
	ReasonTransient:   {blames: true, most: pauseProbe},
	ReasonUnknown:     {class: unknown},
	ReasonRender:      {class: permanent},
	ReasonNotAllowed:  {class: permanent},
	ReasonSuppressed:  {class: permanent},
	ReasonUndelivered: {class: permanent},
	ReasonExpired:     {class: permanent},
	ReasonNoProvider:  {class: permanent},
}

// ReasonMap gives codes or texts of a provider a reason of the bounded set.
type ReasonMap map[string]string

func (m ReasonMap) check() error {
	for _, code := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(Reasons, m[code]) {
			return fmt.Errorf("reasons: %q for %q is none of %s", m[code], code, strings.Join(Reasons, ", "))
		}
	}
	return nil
}

// in is the reason of the longest text of m that said has, whatever its case; ""
// when it has none.
func (m ReasonMap) in(said string) string {
	said, found := strings.ToLower(said), ""
	for text := range m {
		if strings.Contains(said, strings.ToLower(text)) && (len(text) > len(found) || len(text) == len(found) && text < found) {
			found = text
		}
	}
	return m[found]
}
