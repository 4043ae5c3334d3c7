package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

var errKeys = fmt.Errorf("the object has more than %d keys", maxColumns)

// member is one key of an object with its value as text.
type member struct{ key, value string }

// readObject returns the members of one JSON object in their order: strings without
// quotes, null as nothing, numbers without an exponent or decimals that say nothing,
// and what databases write around values taken off; anything else as it stands. An
// object around the one with the address is opened.
func readObject(text string) (members []member, err error) {
	if text == "" || text[0] != '{' || !gjson.Valid(text) {
		return nil, errObject
	}
	var b balance
	if b.feed(text, 0); b.deepest > maxDepth {
		return nil, errDepth
	}
	object := gjson.Parse(text)
	inner := ""
	if strings.IndexByte(text[1:], '{') >= 0 { // nearly none has another object in it
		inner = envelope(object)
	}
	var own map[string]bool // keys of the inner object
	if inner != "" {
		own = map[string]bool{}
		object.Get(gjson.Escape(inner)).ForEach(func(key, _ gjson.Result) bool {
			own[key.Str] = true
			return true
		})
	}
	add := func(key string, value gjson.Result) bool {
		members = append(members, member{key, plainValue(value)})
		return len(members) <= maxColumns
	}
	object.ForEach(func(key, value gjson.Result) bool {
		switch {
		case inner != "" && key.Str == inner:
			value.ForEach(func(key, value gjson.Result) bool { return add(key.Str, value) })
			return len(members) <= maxColumns
		case own[key.Str]:
			return add("outer "+key.Str, value)
		}
		return add(key.Str, value)
	})
	if len(members) > maxColumns {
		return nil, errKeys
	}
	return members, nil
}

// envelope is the key of the one object in another that has the address of a person,
// when that has none itself: the document of a search engine, the record of a
// database or of a web service.
func envelope(object gjson.Result) (inner string) {
	several, own := false, false
	object.ForEach(func(key, value gjson.Result) bool {
		switch c := canonical(key.Str); {
		case c == Email || c == Phone:
			own = true
		case value.IsObject():
			if ownsAddress(value) {
				several, inner = inner != "", key.Str
			}
		}
		return !own && !several
	})
	if own || several {
		return ""
	}
	return inner
}

// ownsAddress reports whether one of an object's own keys is that of an address.
func ownsAddress(object gjson.Result) (yes bool) {
	object.ForEach(func(key, _ gjson.Result) bool {
		c := canonical(key.Str)
		yes = c == Email || c == Phone
		return !yes
	})
	return yes
}

// plainValue is a value as text.
func plainValue(v gjson.Result) string {
	switch v.Type {
	case gjson.String:
		return v.Str
	case gjson.Null:
		return ""
	case gjson.Number:
		return plainNumber(v.Raw)
	}
	if v.IsObject() {
		if plain, ok := typedValue(v); ok {
			return plain
		}
	}
	return v.Raw
}

// typedValue is what stands in {"$oid":…} and its like of MongoDB's extended JSON, or
// in {"S":…} and its like of DynamoDB.
func typedValue(v gjson.Result) (plain string, ok bool) {
	var kind string
	var inner gjson.Result
	n := 0
	v.ForEach(func(key, value gjson.Result) bool {
		kind, inner = key.Str, value
		n++
		return n < 2
	})
	if n != 1 {
		return "", false
	}
	text := inner.Type == gjson.String
	switch kind {
	case "$oid", "$uuid", "$symbol", "S":
		return inner.Str, text
	case "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "N":
		if text {
			return plainNumber(inner.Str), true
		}
		return plainNumber(inner.Raw), inner.Type == gjson.Number
	case "BOOL":
		return inner.Raw, inner.IsBool()
	case "NULL":
		return "", inner.IsBool()
	case "$date":
		if text {
			return inner.Str, true
		}
		raw := inner.Raw
		if inner.IsObject() {
			raw, _ = typedValue(inner)
		}
		ms, err := strconv.ParseInt(raw, 10, 64)
		if err != nil || ms < -62135596800000 || ms > 253402300799999 { // years 1 to 9999
			return "", false
		}
		return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano), true
	}
	return "", false
}

// Limits of numbers that a program keeps exactly.
const (
	noisyDigits = 17      // from here on digits are those of a binary fraction
	exactFloat  = 1 << 53 // below it every whole number is one
	mostDigits  = 20
)

// plainNumber writes a number that has decimals or an exponent and is whole without
// them: 4915112345671.0, and 1.7012345E9 as Java writes it. An exponent with a plus is
// left as it is, because those of spreadsheets are rounded.
func plainNumber(s string) string {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || !strings.ContainsAny(s, ".eE") || !gjson.Valid(s) {
		return s
	}
	rest, minus := strings.CutPrefix(s, "-")
	mantissa, exponent := rest, 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		var err error
		if mantissa = rest[:i]; rest[i+1] == '+' {
			return s
		}
		if exponent, err = strconv.Atoi(rest[i+1:]); err != nil || exponent < 0 || exponent > mostDigits {
			return s
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	point := len(whole) + exponent
	digits := strings.TrimRight(whole+fraction, "0")
	switch {
	case point > mostDigits:
		return s
	case len(digits) > point:
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || len(whole+fraction) < noisyDigits || v != math.Trunc(v) || math.Abs(v) >= exactFloat {
			return s
		}
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits += strings.Repeat("0", point-len(digits))
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0"
	}
	if minus {
		digits = "-" + digits
	}
	return digits
}
