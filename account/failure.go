package account

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"usher/event"
)

// Reasons why an account was not changed: a bounded set.
const (
	ReasonTaken       = "name_taken"   // another account has the name
	ReasonAmbiguous   = "ambiguous"    // several accounts carry the user id
	ReasonRejected    = "rejected"     // the service refuses this user's data
	ReasonConfig      = "config"       // address, token or abilities of the service
	ReasonRateLimited = "rate_limited" // the service asks for a pause
	ReasonTransient   = "transient"
)

// Reasons lists the bounded set.
var Reasons = []string{ReasonTaken, ReasonAmbiguous, ReasonRejected, ReasonConfig, ReasonRateLimited, ReasonTransient}

// Reason is one of Reasons for an error of a Target, ReasonTransient for any
// other, and "" for nil.
func Reason(err error) string {
	var f *failure
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.reason
	}
	return ReasonTransient
}

// failure is why a service did not do what it was asked.
type failure struct {
	reason string
	err    error
}

func (f *failure) Error() string  { return f.err.Error() }
func (f *failure) Unwrap() error  { return f.err }
func (f *failure) Reason() string { return f.reason }

// Pauses after troubles that pass slowly.
const (
	pauseLimited = 30 * time.Second
	pauseConfig  = time.Minute
	pauseMost    = time.Hour
)

// forGood is a failure that another try cannot help.
func forGood(reason, format string, args ...any) error {
	return event.Permanent(&failure{reason, fmt.Errorf(format, args...)})
}

// misconfigured is a failure that lasts until a setting is changed, here or there. It
// concerns all users alike, so no onboarding fails because of it.
func misconfigured(format string, args ...any) error {
	return event.RetryAfter(&failure{ReasonConfig, fmt.Errorf(format, args...)}, pauseConfig)
}

// answered reads a status that is no success. kind is one of SCIM's kinds of
// errors or "".
func answered(status int, header http.Header, kind string) error {
	err := fmt.Errorf("the account service answered %d", status)
	if kind != "" {
		err = fmt.Errorf("%w (%s)", err, kind)
	}
	switch status {
	case http.StatusTooManyRequests:
		d, ok := event.ParseRetryAfter(header.Get("Retry-After"), time.Now(), pauseMost)
		if !ok {
			d = pauseLimited
		}
		return event.RetryAfter(&failure{ReasonRateLimited, err}, d)
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusProxyAuthRequired, http.StatusGone, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return misconfigured("%w: check --account-url and the token or secret", err)
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooEarly:
		return &failure{ReasonTransient, err}
	}
	switch {
	case status >= 500:
		if d, _ := event.ParseRetryAfter(header.Get("Retry-After"), time.Now(), pauseMost); d > 0 {
			return event.RetryAfter(&failure{ReasonTransient, err}, d)
		}
		return &failure{ReasonTransient, err}
	case status >= 400:
		return event.Permanent(&failure{ReasonRejected, err})
	}
	return misconfigured("%w, which is neither a success nor an error; --account-url must name where the accounts are, redirects are not followed", err)
}

// unanswered reads why there is no answer. Texts of addresses, certificates and
// timeouts are told; any other may quote what a service sent.
func unanswered(ctx context.Context, err error) error {
	var (
		dial   *net.OpError
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		host   x509.HostnameError
	)
	switch {
	case ctx.Err() != nil:
		return &failure{ReasonTransient, fmt.Errorf("the account service was not waited for: %w", context.Cause(ctx))}
	case errors.As(err, &verify), errors.As(err, &host):
		return misconfigured("the account service cannot be trusted: its certificate does not vouch for this address or is not known here")
	case errors.As(err, &record):
		return misconfigured("the account service does not speak TLS: check --account-url")
	case errors.As(err, &dns):
		return &failure{ReasonTransient, fmt.Errorf("the account service cannot be reached: its host name is not known")}
	case errors.As(err, &dial) && dial.Op == "dial":
		return &failure{ReasonTransient, fmt.Errorf("the account service cannot be reached: %w", dial.Err)}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{ReasonTransient, errors.New("the account service did not answer in time")}
	}
	return &failure{ReasonTransient, errors.New("the account service gave no answer")}
}
