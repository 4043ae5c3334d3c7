package ingest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/nyaruka/phonenumbers/v2"
	"github.com/nyaruka/phonenumbers/v2/metadata"
)

// KnownRegion reports whether a country can be the region of an inbox.
func KnownRegion(region string) bool { return phonenumbers.GetSupportedRegions()[region] }

// parsePhone returns a number in E.164. region is the country of a number
// without a country code.
func parsePhone(s, region string) (string, error) {
	if len(s) > maxPhone {
		return "", fmt.Errorf("the number has more than %d characters", maxPhone)
	}
	if plain := international(s); plain != "" {
		return plain, nil
	}
	return parseAnyPhone(s, region)
}

// parseAnyPhone asks the library. It once panicked on hostile input, so a panic
// here is just a bad number.
func parseAnyPhone(s, region string) (e164 string, err error) {
	defer func() {
		if recover() != nil {
			e164, err = "", fmt.Errorf("this is no phone number")
		}
	}()
	n, err := phonenumbers.Parse(s, region)
	switch {
	case err != nil && region == "" && !strings.HasPrefix(strings.TrimSpace(s), "+"):
		return "", fmt.Errorf("the number has no country code; write it like +49 30 123456, or give the inbox a region")
	case err != nil:
		return "", fmt.Errorf("this is no phone number")
	case n.GetExtension() != "":
		return "", fmt.Errorf("the number has an extension, and text messages cannot be sent to extensions; write the number alone")
	case phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE:
		return "", fmt.Errorf("the number is too long or too short for its country")
	}
	e164 = phonenumbers.Format(n, phonenumbers.E164)
	if international(e164) == "" { // the library may take more off when it reads what it wrote, such as +49000000
		again, err := phonenumbers.Parse(e164, "")
		if err != nil || phonenumbers.Format(again, phonenumbers.E164) != e164 {
			return "", fmt.Errorf("this is no phone number")
		}
	}
	return e164, nil
}

// international is the E.164 form of a number that is written with a plus, its
// country code and digits, perhaps with signs between them, and in which nothing
// else can be meant. For all others it is "", and the library must be asked: it
// costs thirty times as much.
func international(s string) string {
	if len(s) < 8 || s[0] != '+' {
		return ""
	}
	plain := true
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
		case (c == ' ' || c == '-' || c == '.') && i > 1 && i < len(s)-1 && s[i-1] >= '0' && s[i-1] <= '9':
			plain = false
		default:
			return ""
		}
	}
	if !plain {
		s = withoutSigns.Replace(s)
	}
	if len(s) > 16 { // 15 digits, ITU-T E.164, 6.1
		return ""
	}
	for digits := 1; digits <= 3 && digits < len(s)-1; digits++ {
		code, _ := strconv.Atoi(s[1 : 1+digits])
		if p := planOf(code); p != nil {
			national := s[1+digits:]
			if p.lengths&(1<<len(national)) == 0 || p.prefix != nil && p.prefix.MatchString(national) {
				return ""
			}
			return s
		}
	}
	return ""
}

var withoutSigns = strings.NewReplacer(" ", "", "-", "", ".", "")

// plan is what must be known of a country's numbers to see that one is in normal
// form: how many digits it has, and what people dial before it at home, which
// the library takes off.
type plan struct {
	lengths uint32 // bit n is set when a number of n digits is possible
	prefix  *regexp.Regexp
}

// plans are made from the library's own data when they are first asked for.
var plans [1000]struct {
	once sync.Once
	plan *plan
}

func planOf(code int) *plan {
	p := &plans[code]
	p.once.Do(func() {
		if !metadata.SupportedCallingCodes()[code] {
			return
		}
		region := phonenumbers.GetRegionCodeForCountryCode(code)
		m, ok := metadata.RegionMetadata(region)
		if !ok {
			if m, ok = metadata.NonGeoMetadata(code); !ok {
				return
			}
		}
		p.plan = &plan{}
		for _, n := range m.GetGeneralDesc().GetPossibleLength() {
			if n > 0 && n < 32 {
				p.plan.lengths |= 1 << n
			}
		}
		if prefix := m.GetNationalPrefixForParsing(); prefix != "" {
			p.plan.prefix = regexp.MustCompile("^(?:" + prefix + ")")
		}
	})
	return p.plan
}

// damagedBySpreadsheet says what a spreadsheet did to a phone number that it took
// for a figure: it drops the zeros or the plus before it. Where all numbers of
// the region begin with a zero, one without it cannot be told from a foreign
// one, unless both readings are the same.
func damagedBySpreadsheet(s, region string) bool {
	if region == "" || len(s) < 5 || s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	here, err := parseAnyPhone(s, region)
	if err != nil {
		return false // refused anyway
	}
	abroad, _ := parseAnyPhone("+"+s, "")
	if here == abroad {
		return false
	}
	if phonenumbers.GetNddPrefixForRegion(region, true) == "0" {
		return true
	}
	n, err := phonenumbers.Parse(here, "")
	if err != nil || phonenumbers.IsValidNumber(n) {
		return false
	}
	zero, err := phonenumbers.Parse("0"+s, region)
	return err == nil && phonenumbers.IsValidNumber(zero)
}

// withoutPlus looks at a number with signs in it that begins with neither a zero nor a
// plus. Read at home and read with a plus before it, it may be two numbers; only is the
// one that exists, and ambiguous says that both do, or none. Of a number that begins in
// another way, or is the same in both readings, it says nothing.
func withoutPlus(s, region, here string) (only string, ambiguous bool) {
	if region == "" || s[0] == '+' {
		return "", false
	}
	digits := digitsOf(s)
	if len(digits) < 5 || len(digits) == len(s) || digits[0] == '0' || strings.ContainsFunc(s, unicode.IsLetter) {
		return "", false
	}
	abroad, err := parseAnyPhone("+"+digits, "")
	if err != nil || abroad == here {
		return "", false
	}
	n, err := phonenumbers.Parse(here, "")
	atHome := err == nil && phonenumbers.IsValidNumber(n)
	n, err = phonenumbers.Parse(abroad, "")
	elsewhere := err == nil && phonenumbers.IsValidNumber(n)
	switch {
	case atHome && !elsewhere:
		return here, false
	case elsewhere && !atHome:
		return abroad, false
	case atHome && phonenumbers.GetNddPrefixForRegion(region, true) != "0":
		return here, false // numbers of this region are written like that
	}
	return "", true
}

// digitsOf are the digits of a number without what stands between them.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
