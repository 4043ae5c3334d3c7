package notify

import (
	"cmp"
	"crypto/hmac"
	"net/http"
	"net/url"
	"strings"

	"usher/event"
)

// receiptURL is where a service may report of one message that it cannot name by an
// id of its own: the address names the message, and a seal keeps others from making
// such addresses up.
func receiptURL(base, ref string, s Seals) string {
	return strings.TrimSuffix(base, "/") + "/receipts/ref/" + url.PathEscape(ref) + "/" + sealOfRef(ref, s)
}

func sealOfRef(ref string, s Seals) string { return s.Seal("receipt\x00" + ref) }

// byRef takes a receipt at an address that receiptURL made. What became of the
// message is in the query: d, as Kannel numbers it, or status and code as in usher's
// own form.
func (h HTTPReceipts) byRef(w http.ResponseWriter, r *http.Request) {
	ref, q := r.PathValue("ref"), r.URL.Query()
	if h.Seals == nil || !hmac.Equal([]byte(r.PathValue("seal")), []byte(sealOfRef(ref, h.Seals))) {
		h.refuse(w, http.StatusForbidden, receiptForged)
		return
	}
	receipt := event.Receipt{ID: ref, At: now()}
	switch cmp.Or(kannelStates[q.Get("d")], q.Get("status")) {
	case "delivered":
		receipt.State = event.SendDelivered
	case "bounced", "failed", "undelivered":
		receipt.State, receipt.Reason = event.SendBounced, ReasonUndelivered
		if code := cmp.Or(q.Get("code"), q.Get("d")); code != "" {
			receipt.Code = event.SafeID(code)
		}
		receipt.Refusal = q.Get("d") == "16"
	case "accepted", "queued", "sent", "delayed":
	default:
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	}
	h.respond(w, r, receipt)
}

// kannelStates are the numbers that Kannel puts for %d (its user guide, "Delivery
// Reports"; run against 1.4.5, which says 2 for an unknown state of the network, too).
// It says 16 both of what an SMSC refuses later and of what it refuses itself, beside its
// answer and sometimes before it.
var kannelStates = map[string]string{"1": "delivered", "2": "bounced", "4": "queued", "8": "sent", "16": "bounced", "32": "delayed"}
