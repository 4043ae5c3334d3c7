package event

import (
	"net/http"
	"testing"
	"time"
)

// A regression of issue 14: a number that overflowed became a pause in the past.
func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	const most = time.Hour
	for value, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "3600": most, "3601": most, "0000000000000000000000000000007": 7 * time.Second,
		"9223372036":                       most, // seconds that still fit a Duration
		"9223372037":                       most, // the first that do not
		"18446744073":                      most, // wraps around to a small pause
		"9223372036854775807":              most,
		"9223372036854775808":              most, // no int64
		"99999999999999999999999":          most,
		"Sat, 28 Nov 2026 12:00:30 GMT":    30 * time.Second,
		"Sat, 28 Nov 2026 11:00:00 GMT":    0,
		"Sat, 28 Nov 2026 14:00:00 GMT":    most,
		"Fri, 31 Dec 9999 23:59:59 GMT":    most, // further than a Duration reaches
		"Mon, 01 Jan 0001 00:00:00 GMT":    0,
		"Saturday, 28-Nov-26 12:00:30 GMT": 30 * time.Second,
	} {
		if got, ok := ParseRetryAfter(value, now, most); got != want || !ok {
			t.Errorf("%q: got %v, %v, want %v", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "-1", "-9223372036854775809", "1.5", "soon", "+5", "1e9", "٣"} {
		if got, ok := ParseRetryAfter(value, now, most); got != 0 || ok {
			t.Errorf("%q: got %v, %v, want none", value, got, ok)
		}
	}
	if got, _ := ParseRetryAfter(now.Add(time.Minute).Format(http.TimeFormat), now, most); got != time.Minute {
		t.Errorf("got %v", got)
	}
}
