package ingest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers/v2"
	"golang.org/x/net/idna"
	"golang.org/x/text/language"

	"usher/event"
)

// Caps of a record, in characters.
const (
	maxName      = 200
	maxEmail     = 254 // RFC 5321, 4.5.3.1.3
	maxLocalPart = 64  // RFC 5321, 4.5.3.1.1
	maxPhone     = 32
	maxAttribute = 1000
	maxAttrs     = 50
)

// RowCodes lists the codes with which a row may be refused.
var RowCodes = []string{
	"E_COLUMN_COUNT", "E_DUP_IN_FILE", "E_EMAIL_SYNTAX", "E_ENCODING", "E_EXCEL_SCIENTIFIC", "E_JSON", "E_LOCALE",
	"E_PHONE_INVALID", "E_QUOTE", "E_REQUIRED", "E_TOO_LONG", "E_USER_ID",
}

// validator turns rows into users, and remembers who was in the file already.
type validator struct {
	inbox Inbox
	key   event.Key
	seen  map[string]int // identity to record number
}

func newValidator(in Inbox, key event.Key) *validator {
	return &validator{in, key, map[string]int{}}
}

// user checks a row. All that is wrong with it is returned at once.
func (v *validator) user(r record) (event.User, []rowError) {
	if r.bad != nil {
		return event.User{}, []rowError{*r.bad}
	}
	u := event.User{UserID: r.values[colUserID], Name: r.values[colName], Attributes: r.attrs}
	if u.Name == "" {
		u.Name = strings.TrimSpace(r.values[colFirst] + " " + r.values[colLast])
	}
	var errs []rowError
	bad := func(code, field, format string, args ...any) {
		errs = append(errs, rowError{code, field, fmt.Sprintf(format, args...)})
	}
	email := r.values[colEmail]
	if strings.Contains(u.UserID, "@") { // an address in this column counts as one
		if email == "" {
			email = u.UserID
		}
		u.UserID = ""
	}
	for field, value := range r.values {
		if !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError) {
			bad("E_ENCODING", field, "the value has characters that cannot be read")
		}
	}
	if excelNumber.MatchString(u.UserID) {
		bad("E_EXCEL_SCIENTIFIC", colUserID, "a spreadsheet has rounded this number; format the column as text and export again")
	} else if u.UserID != "" {
		if err := event.CheckUserID(u.UserID); err != nil {
			bad("E_USER_ID", colUserID, "%v", err)
		}
	}
	if n := utf8.RuneCountInString(u.Name); n > maxName {
		bad("E_TOO_LONG", colName, "the name has %d characters, at most %d are allowed", n, maxName)
	}
	if email != "" {
		var err error
		if u.Email, err = parseEmail(email); err != nil {
			bad("E_EMAIL_SYNTAX", colEmail, "%v", err)
		}
	}
	if phone := r.values[colPhone]; phone != "" {
		if excelNumber.MatchString(phone) {
			bad("E_EXCEL_SCIENTIFIC", colPhone, "a spreadsheet has rounded this number; format the column as text and export again")
		} else if e164, err := parsePhone(phone, v.inbox.Region); err != nil {
			bad("E_PHONE_INVALID", colPhone, "%v", err)
		} else {
			u.Phone = e164
		}
	}
	if email == "" && r.values[colPhone] == "" {
		bad("E_REQUIRED", colEmail, "an e-mail address or a phone number is needed")
	}
	if l := r.values[colLocale]; l != "" {
		tag, err := language.Parse(strings.ReplaceAll(l, "_", "-"))
		if err != nil {
			bad("E_LOCALE", colLocale, "this is no language tag; write one such as en, de or pt-BR")
		}
		u.Locale = tag.String()
	}
	if len(r.attrs) > maxAttrs {
		bad("E_TOO_LONG", "", "the row has %d more columns, at most %d are kept", len(r.attrs), maxAttrs)
	}
	for name, value := range r.attrs {
		if utf8.RuneCountInString(value) > maxAttribute || utf8.RuneCountInString(name) > maxName {
			bad("E_TOO_LONG", name, "the value has more than %d characters", maxAttribute)
		}
	}
	if len(u.Attributes) == 0 {
		u.Attributes = nil
	}
	if len(errs) > 0 {
		sortErrors(errs)
		return u, errs
	}
	return u, v.unique(&u, r)
}

// unique derives the id of a user who brings none, and refuses whoever was in
// the file before.
func (v *validator) unique(u *event.User, r record) []rowError {
	identities := []struct{ field, value string }{{colUserID, u.UserID}, {colEmail, u.Email}}
	if u.Email == "" && u.UserID == "" {
		identities = append(identities, struct{ field, value string }{colPhone, u.Phone})
	}
	var errs []rowError
	for _, id := range identities {
		if id.value == "" {
			continue
		}
		k := id.field + "\x00" + id.value
		if first, twice := v.seen[k]; twice {
			errs = append(errs, rowError{"E_DUP_IN_FILE", id.field, fmt.Sprintf("the same %s is in record %d", id.field, first)})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	for _, id := range identities {
		if id.value != "" {
			v.seen[id.field+"\x00"+id.value] = r.number
		}
	}
	if u.UserID == "" {
		u.UserID = v.key.UserID(u.Email, u.Phone)
	}
	return nil
}

// excelNumber is what a spreadsheet makes of a long number.
var excelNumber = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+\d+$`)

// atom is RFC 5322's dot-atom, with letters beyond ASCII as RFC 6531 allows.
var atom = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x{80}-\\x{10ffff}-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x{80}-\\x{10ffff}-]+)*$")

// parseEmail returns the normal form of an address: lower case, domain in ASCII.
// Its errors name no part of the address.
func parseEmail(s string) (string, error) {
	s = event.NormalizeEmail(s)
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "", fmt.Errorf("there is no @ in the address")
	}
	local, domain := s[:i], s[i+1:]
	switch {
	case len(s) > maxEmail:
		return "", fmt.Errorf("the address has %d bytes, at most %d are allowed", len(s), maxEmail)
	case len(local) > maxLocalPart:
		return "", fmt.Errorf("the part before the @ has %d bytes, at most %d are allowed", len(local), maxLocalPart)
	case !atom.MatchString(local):
		return "", fmt.Errorf("the part before the @ has characters that are not allowed, or a dot at its end")
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !strings.Contains(ascii, ".") {
		return "", fmt.Errorf("the part after the @ is no domain name")
	}
	return local + "@" + ascii, nil
}

// parsePhone returns a number in E.164. The library once panicked on hostile
// input, so a panic here is just a bad number.
func parsePhone(s, region string) (e164 string, err error) {
	defer func() {
		if recover() != nil {
			e164, err = "", fmt.Errorf("this is no phone number")
		}
	}()
	if len(s) > maxPhone {
		return "", fmt.Errorf("the number has more than %d characters", maxPhone)
	}
	n, err := phonenumbers.Parse(s, region)
	switch {
	case err != nil && region == "" && !strings.HasPrefix(strings.TrimSpace(s), "+"):
		return "", fmt.Errorf("the number has no country code; write it like +49 30 123456, or give the inbox a region")
	case err != nil:
		return "", fmt.Errorf("this is no phone number")
	case !phonenumbers.IsPossibleNumber(n):
		return "", fmt.Errorf("the number is too long or too short for its country")
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}
