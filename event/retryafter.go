package event

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter reads the value of a Retry-After header, which is seconds or a
// date (RFC 9110, 10.2.3), as a pause from now on. The pause is never below 0 and
// never above most, however large the number or far the date; a date that is over
// is no pause. ok is false for a value that is neither.
func ParseRetryAfter(value string, now time.Time, most time.Duration) (pause time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(most/time.Second) { // more than fits, too
			return most, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), most), true // Sub saturates
}
