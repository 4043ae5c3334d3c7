package notify

import (
	"net/http"

	"usher/event"
)

// respond applies a receipt that can be believed.
func (h HTTPReceipts) respond(w http.ResponseWriter, r *http.Request, receipt event.Receipt) {
	switch {
	case receipt.ID == "" || len(receipt.ID) > 256:
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	case receipt.State == "":
		h.count(event.ChannelSMS, receiptIgnored)
	default:
		if err := h.receive(r.Context(), event.ChannelSMS, receipt); err != nil {
			h.Log.Warn("a receipt could not be stored, the provider is asked to send it again", "channel", event.ChannelSMS, "error", err)
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h HTTPReceipts) refuse(w http.ResponseWriter, code int, result string) {
	h.count(event.ChannelSMS, result)
	http.Error(w, map[string]string{receiptForged: "the signature is missing or wrong", receiptMalformed: "the receipt cannot be read"}[result], code)
}
