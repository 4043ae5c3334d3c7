package table

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// numberFormat is what a cell's format adds to the number that is stored: zeros and
// what stands in front of a telephone number, and that it is a date. All else, such
// as grouping, decimals and currencies, is left out, because it is no part of the
// value.
type numberFormat struct {
	zeros      int    // how many digits there are at least
	front      string // "+", or a plus with digits
	date, time bool
}

// formatOf reads a format by its number; codes are those of the file itself.
func formatOf(id string, codes map[string]string) numberFormat {
	if code, own := codes[id]; own {
		return parseFormat(code)
	}
	n, err := strconv.Atoi(id)
	switch {
	case err != nil:
	case n >= 14 && n <= 17, n >= 27 && n <= 31, n == 36, n >= 50 && n <= 54, n == 57, n == 58: // ECMA-376, 18.8.30
		return numberFormat{date: true}
	case n >= 18 && n <= 21, n >= 32 && n <= 35, n >= 45 && n <= 47, n == 55, n == 56:
		return numberFormat{time: true}
	case n == 22:
		return numberFormat{date: true, time: true}
	}
	return numberFormat{}
}

// parseFormat reads the code of a format, such as 000000 or "+"00 000.
func parseFormat(code string) (f numberFormat) {
	if code = strings.TrimSpace(code); strings.EqualFold(code, "General") || code == "@" {
		return f
	}
	var front strings.Builder
	digits, decimals := false, false // placeholders were seen, also behind the point
	literal := func(s string) {
		if !digits {
			front.WriteString(s)
		}
	}
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';': // other sections are for negative numbers and text
			i = len(code)
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				end = len(code) - i - 1
			}
			literal(code[i+1 : i+1+end])
			i += end + 1
		case '\\':
			if i+1 < len(code) {
				literal(code[i+1 : i+2])
			}
			i++
		case '_', '*': // a space as wide as the next character, or that one repeated
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return f
			}
			switch in := strings.ToLower(code[i+1 : i+end]); {
			case in != "" && strings.Trim(in, "hms") == "":
				f.time = true
			case strings.HasPrefix(in, "<") || strings.HasPrefix(in, ">") || strings.HasPrefix(in, "="):
				return numberFormat{} // which section counts depends on the number
			}
			i += end
		case 'y', 'Y', 'd', 'D', 'm', 'M':
			f.date = true
		case 'h', 'H', 's', 'S':
			f.time = true
		case '0':
			digits = true
			if !decimals {
				f.zeros++
			}
		case '#', '?':
			digits = true
		case '.':
			decimals = digits
		case 'E', 'e':
			decimals = true
		case '+', ' ', '(', ')', '-':
			literal(string(c))
		}
	}
	if f.date || f.time {
		f.date = f.date && (!f.time || strings.ContainsAny(strings.ToLower(code), "yd")) // an m beside hours is minutes
		return numberFormat{date: f.date, time: f.time}
	}
	f.front = frontOf(front.String())
	return f
}

// frontOf keeps what belongs to a number of what a format puts in front of it: a plus,
// also with the code of a country, and zeros.
func frontOf(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "+") && strings.Trim(s, "+0123456789 ()-") == "" || s != "" && strings.Trim(s, "0") == "" {
		return s
	}
	return ""
}

// exactDigits is how many digits of a number Excel keeps.
const exactDigits = 15

// text is the number of a cell as text.
func (f numberFormat) text(stored string, since04 bool) string {
	v, err := strconv.ParseFloat(stored, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return stored
	}
	if f.date || f.time {
		if s, ok := f.moment(v, since04); ok {
			return s
		}
	}
	if v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	if len(digits) > exactDigits && digits != strings.TrimPrefix(stored, "-") {
		return strconv.FormatFloat(v, 'E', -1, 64) // it is rounded, and must look so
	}
	if len(digits) < f.zeros && f.zeros <= exactDigits+5 {
		digits = strings.Repeat("0", f.zeros-len(digits)) + digits
	}
	if v < 0 {
		return "-" + digits
	}
	return f.front + digits
}

// lastDay is 9999-12-31, the last one that Excel knows.
const lastDay = 2958465

// moment is a number of days as a date, a time of day, or both.
func (f numberFormat) moment(days float64, since04 bool) (string, bool) {
	if days < 0 || days > lastDay+1 {
		return "", false
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case since04:
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60: // Excel has a 29th of February in 1900
		epoch = epoch.AddDate(0, 0, 1)
	}
	seconds := math.Round((days - math.Floor(days)) * 86400)
	at := epoch.AddDate(0, 0, int(math.Floor(days))).Add(time.Duration(seconds) * time.Second)
	switch {
	case f.date && f.time:
		return at.Format(time.DateTime), true
	case f.date:
		return at.Format(time.DateOnly), true
	case days < 1:
		return at.Format(time.TimeOnly), true
	}
	return "", false // hours that are counted, and not of a day
}
