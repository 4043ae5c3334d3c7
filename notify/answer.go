package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/event"
)

// mostAsked is the longest pause that a service may ask for.
const mostAsked = time.Hour

// readAnswer reads what a service says. whole tells that its body was read to the
// end; crossed, that it may have the message: an answer that came before can only
// be a refusal.
func (t *httpTransport) readAnswer(resp *http.Response, body []byte, whole, crossed bool) (providerID string, err error) {
	var doc any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&doc) != nil {
		doc = nil // the status decides
	}
	code, hasCode := pointed(doc, t.Code)
	status := resp.StatusCode
	good := status >= 200 && status < 300
	said, asked := 0, len(t.Success)
	for pointer, want := range t.Success {
		got, ok := pointed(doc, pointer)
		if ok {
			said++
		}
		good = good && got == want
	}
	if good && crossed {
		id, _ := pointed(doc, t.ID)
		if event.SafeID(id) != id {
			id = "" // taken; how it is called there cannot be kept
		}
		return id, nil
	}
	t.Said.hear("HTTP %s\n%s", resp.Status, t.masked(body))
	reason, ok := t.Reasons[code]
	text, listed := t.Texts.in(string(body)), true
	switch {
	case hasCode && ok:
	case text != "":
		reason = text
	case t.Statuses[strconv.Itoa(status)] != "":
		reason = t.Statuses[strconv.Itoa(status)]
	case status >= 200 && status < 300 && (said < asked || !whole):
		reason = ReasonUnknown // it did not say whether it took it
	default:
		listed = false
		reason = statusReason(status, resp.Header.Get("Retry-After") != "")
	}
	if reason == ReasonUnknown && !crossed {
		reason = ReasonTransient
	}
	f := failureOf(reason, fmt.Errorf("HTTP %d", status))
	// A service may answer so for some numbers only, unless it is known to mean all.
	f.soft = hasCode && ofSome(t.Preset, code) || !listed && (status == http.StatusForbidden || status == http.StatusNotFound)
	f.grows = f.grows && !f.soft
	if hasCode && event.SafeID(code) == code {
		f.err = fmt.Errorf("HTTP %d, code %s", status, code)
	}
	if reason == ReasonRateLimited || reason == ReasonTransient {
		if d, ok := event.ParseRetryAfter(resp.Header.Get("Retry-After"), time.Now(), mostAsked); ok {
			f.pause = d
		}
	}
	return "", f
}

// statusReason is what usher knows of HTTP statuses (RFC 9110, RFC 6585). A 5xx
// leaves open whether the service has the message, unless it asks to come again.
func statusReason(status int, comeAgain bool) string {
	switch {
	case status == http.StatusTooManyRequests:
		return ReasonRateLimited
	case status == http.StatusRequestTimeout, status == http.StatusServiceUnavailable && comeAgain:
		return ReasonTransient
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired, status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status >= 300 && status < 400:
		return ReasonConfig
	case status >= 500:
		return ReasonUnknown
	}
	return ReasonRefused
}

// pointed is the scalar at a JSON pointer (RFC 6901), as text.
func pointed(doc any, pointer string) (string, bool) {
	if pointer == "" {
		return "", false
	}
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch d := doc.(type) {
		case map[string]any:
			doc = d[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(d) {
				return "", false
			}
			doc = d[i]
		default:
			return "", false
		}
	}
	switch d := doc.(type) {
	case string:
		return d, true
	case json.Number:
		return d.String(), true
	case bool:
		return strconv.FormatBool(d), true
	}
	return "", false
}
