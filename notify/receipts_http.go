package notify

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"usher/event"
	"usher/serve"
	"usher/webhook"
)

// HTTPReceipts says who may send receipts over HTTP.
type HTTPReceipts struct {
	*Receipts
	// URL is the address under which the provider reaches the listener, without
	// a path: Twilio signs it.
	URL string
	// TwilioTokens are those that may have signed; none refuses every receipt.
	TwilioTokens []string
	// Secrets are those that may have signed the receipts of all other services;
	// none refuses them.
	Secrets []string
	// Seals makes and knows the addresses of single messages; nil refuses them.
	Seals Seals
}

// Bounds of what a stranger may cost.
const (
	maxReceipt      = 64 << 10 // bytes of a request
	maxReceiptConns = 100
	receiptTimeout  = 10 * time.Second
)

// Serve takes receipts on l until ctx ends.
//
//	POST /receipts/twilio   a form with X-Twilio-Signature
//	POST /receipts/webhook  JSON {"id", "status", "code", "at"}, signed
//	GET  /receipts/ref/…    an address of one message, with a seal; d=… or status=…
//
// It answers 204 once the receipt is safe, also when no message is known by its
// id; 403 when the signature is wrong, 400 when it cannot be read, and 503 when
// it should be sent again.
func (h HTTPReceipts) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /receipts/twilio", h.twilio)
	mux.HandleFunc("POST /receipts/webhook", h.webhook)
	mux.HandleFunc("GET /receipts/ref/{ref}/{seal}", h.byRef)
	guard := h.Metrics.Guard("notify", h.Log)
	srv := serve.Web(serve.HTTP(guard, "taking a receipt", http.MaxBytesHandler(mux, maxReceipt)))
	srv.MaxHeaderBytes, srv.ReadTimeout, srv.WriteTimeout = 16<<10, receiptTimeout, receiptTimeout
	return serve.Until(ctx, guard, netutil.LimitListener(l, maxReceiptConns), srv)
}

// twilio takes a status callback of Twilio, or of a service that speaks as it
// does.
func (h HTTPReceipts) twilio(w http.ResponseWriter, r *http.Request) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	}
	if !h.signedByTwilio(r) {
		h.refuse(w, http.StatusForbidden, receiptForged)
		return
	}
	id, code := r.PostForm.Get("MessageSid"), r.PostForm.Get("ErrorCode")
	receipt := event.Receipt{ID: id, Code: event.SafeID(cmp.Or(code, "none")), At: now()}
	switch r.PostForm.Get("MessageStatus") {
	case "delivered", "read":
		receipt.State, receipt.Code = event.SendDelivered, ""
	case "undelivered", "failed":
		receipt.State, receipt.Reason = event.SendBounced, twilioReceipt(code)
	case "accepted", "scheduled", "queued", "sending", "sent":
	default:
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	}
	h.respond(w, r, receipt)
}

// signedByTwilio checks X-Twilio-Signature: HMAC-SHA1 over the address and the
// sorted fields of the form, as Twilio's "Validating Requests" has it. Twilio
// may write a port into the address that is the scheme's own, so both forms
// count.
func (h HTTPReceipts) signedByTwilio(r *http.Request) bool {
	var fields strings.Builder
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range r.PostForm {
			if !yield(k) {
				return
			}
		}
	}) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(r.PostForm[k]))) {
			fields.WriteString(k + v)
		}
	}
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil {
		return false
	}
	base, err := url.Parse(h.URL)
	if err != nil {
		return false
	}
	hosts := []string{base.Host}
	if base.Port() == "" {
		hosts = append(hosts, base.Host+map[string]string{"https": ":443", "http": ":80"}[base.Scheme])
	}
	for _, token := range h.TwilioTokens {
		for _, host := range hosts {
			mac := hmac.New(sha1.New, []byte(token))
			mac.Write([]byte(base.Scheme + "://" + host + strings.TrimSuffix(base.Path, "/") + r.URL.RequestURI() + fields.String()))
			if token != "" && hmac.Equal(mac.Sum(nil), given) {
				return true
			}
		}
	}
	return false
}

// webhook takes a receipt in usher's own form.
func (h HTTPReceipts) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	}
	if !h.signed(r.Header, body) {
		h.refuse(w, http.StatusForbidden, receiptForged)
		return
	}
	var in struct {
		ID     string    `json:"id"`
		Status string    `json:"status"`
		Reason string    `json:"reason"`
		Code   string    `json:"code"`
		At     time.Time `json:"at"`
	}
	if json.Unmarshal(body, &in) != nil {
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	}
	receipt := event.Receipt{ID: in.ID, At: received(in.At)}
	switch in.Status {
	case "delivered":
		receipt.State = event.SendDelivered
	case "bounced", "failed", "undelivered":
		receipt.State, receipt.Reason = event.SendBounced, ReasonUndelivered
		if slices.Contains(Reasons, in.Reason) {
			receipt.Reason = in.Reason
		}
		if in.Code != "" {
			receipt.Code = event.SafeID(in.Code)
		}
	case "complained":
		receipt.State, receipt.Reason = event.SendBounced, ReasonBlocked
	case "accepted", "queued", "sent", "delayed":
	default:
		h.refuse(w, http.StatusBadRequest, receiptMalformed)
		return
	}
	h.respond(w, r, receipt)
}

// signed checks the signature of a webhook: that of Standard Webhooks, or
// X-Signature with the HMAC-SHA256 of the body in hexadecimal, which most
// services can make.
func (h HTTPReceipts) signed(header http.Header, body []byte) bool {
	return slices.ContainsFunc(h.Secrets, func(secret string) bool { return secret != "" && signedWith(secret, header, body) })
}

func signedWith(secret string, header http.Header, body []byte) bool {
	if given := header.Get("X-Signature"); given != "" {
		want, err := hex.DecodeString(strings.TrimPrefix(given, "sha256="))
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return err == nil && hmac.Equal(mac.Sum(nil), want)
	}
	return webhook.Genuine(secret, header, body)
}
