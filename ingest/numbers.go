package ingest

import (
	"regexp"
	"strconv"
	"strings"
)

// What programs make of whole numbers that they keep as floating-point ones.
var (
	withZeros    = regexp.MustCompile(`^\+?[0-9]+\.0+$`)                     // pandas, openpyxl
	javaExponent = regexp.MustCompile(`^([0-9])\.([0-9]+)E([0-9]{1,2})$`)    // Double.toString, which writes all digits
	rExponent    = regexp.MustCompile(`^([0-9])(?:\.([0-9]+))?e\+(0[0-5])$`) // R; other programs round from a million on
)

// wholeNumber undoes what a program did to a whole number, when only one can have been
// meant.
func wholeNumber(s string) (whole string, changed bool) {
	if strings.IndexByte(s, '.') < 0 && strings.IndexByte(s, '+') < 1 {
		return s, false // nearly all
	}
	if withZeros.MatchString(s) {
		whole, _, _ = strings.Cut(s, ".")
		return whole, true
	}
	for _, written := range []*regexp.Regexp{javaExponent, rExponent} {
		m := written.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		exponent, err := strconv.Atoi(m[3])
		fraction := strings.TrimRight(m[2], "0")
		if err != nil || exponent > 17 || len(fraction) > exponent {
			return s, false
		}
		return m[1] + fraction + strings.Repeat("0", exponent-len(fraction)), true
	}
	return s, false
}

// brokenNumber reports whether s is a number with an exponent or decimals of which no
// whole one can be made.
func brokenNumber(s string) bool { return strings.ContainsAny(s, ".") && decimal.MatchString(s) }

var decimal = regexp.MustCompile(`^([0-9]+\.[0-9]+[eE][+-]?[0-9]+|[1-9][0-9]{6,}\.[0-9]{1,2})$`)
