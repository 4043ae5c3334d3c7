package ingest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"usher/event"
	"usher/table"
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
var RowCodes = codes(table.RowCodes, "E_DUP_IN_FILE", "E_EMAIL_SYNTAX", "E_ENCODING", "E_EXCEL_ERROR", "E_EXCEL_SCIENTIFIC", "E_EXCEL_ZEROS", "E_LOCALE",
	"E_PHONE_INVALID", "E_REQUIRED", "E_TOO_LONG", "E_USER_ID")

// FileCodes lists the codes with which a whole file may be refused.
var FileCodes = codes(table.FileCodes, "E_ALL_ROWS", "E_CHANGED", "E_CHECKSUM", "E_CUT_OFF", "E_EMPTY", "E_KNOWN", "E_LINK", "E_POISON", "E_SPECIAL", "E_TOO_BIG", "E_TOO_MANY_REFUSED",
	"E_TOO_MANY_ROWS", "E_TRAILER", "E_UNREADABLE")

// WarningCodes lists the codes of warnings.
var WarningCodes = codes(table.WarningCodes, "W_CUT_OFF", "W_HELD", "W_RELEASED")

// codes are those of the table and those of ingest itself, each once.
func codes(ofTable []string, own ...string) []string {
	all := slices.Concat(ofTable, own)
	slices.Sort(all)
	return slices.Compact(all)
}

// user is a record in normal form.
type user struct {
	id, name, email, phone, locale string
	attrs                          []table.Attribute
}

// rules judge records. One set of them is for one goroutine.
type rules struct {
	region  string
	locales map[string]string // language tags seen before, in normal form
}

func newRules(in Inbox) *rules { return &rules{in.Region, map[string]string{}} }

// keptLocales is how many language tags are remembered.
const keptLocales = 1000

// check returns the user that a record describes, and all that is wrong with it.
func (v *rules) check(r *table.Record) (user, []table.RowError) {
	if r.Bad != nil {
		return user{}, []table.RowError{*r.Bad}
	}
	var errs []table.RowError
	bad := func(code, field, format string, args ...any) {
		errs = append(errs, table.RowError{Code: code, Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	for column, value := range r.Values {
		switch {
		case value == "":
		case !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError):
			bad("E_ENCODING", table.Column(column).String(), "the value has characters that cannot be read")
		case table.FailedFormula(value):
			bad("E_EXCEL_ERROR", table.Column(column).String(), "a formula of the spreadsheet failed here (%s); mend the formula or the value", value)
			r.Values[column] = ""
		}
	}
	given := r.Values[table.Email] != "" || r.Values[table.Phone] != "" || len(errs) > 0
	u := user{id: r.Values[table.UserID], name: r.Values[table.Name], attrs: r.Attributes}
	if u.name == "" && (r.Values[table.FirstName] != "" || r.Values[table.LastName] != "") {
		u.name = strings.TrimSpace(r.Values[table.FirstName] + " " + r.Values[table.LastName])
	}
	email := r.Values[table.Email]
	if strings.IndexByte(u.id, '@') >= 0 { // an address in this column counts as one
		if email == "" {
			email, given = u.id, true
		}
		u.id = ""
	}
	if u.id != "" {
		if table.Rounded(u.id) {
			bad("E_EXCEL_SCIENTIFIC", table.UserID.String(), "a spreadsheet has rounded this number; format the column as text and export again")
		} else if err := event.CheckUserID(u.id); err != nil {
			bad("E_USER_ID", table.UserID.String(), "%v", err)
		}
	}
	if n := utf8.RuneCountInString(u.name); n > maxName {
		bad("E_TOO_LONG", table.Name.String(), "the name has %d characters, at most %d are allowed", n, maxName)
	}
	if email != "" {
		var err error
		if u.email, err = parseEmail(email); err != nil {
			bad("E_EMAIL_SYNTAX", table.Email.String(), "%v", err)
		}
	}
	if phone := r.Values[table.Phone]; phone != "" {
		if e164, err := parsePhone(phone, v.region); table.Rounded(phone) {
			bad("E_EXCEL_SCIENTIFIC", table.Phone.String(), "a spreadsheet has rounded this number; format the column as text and export again")
		} else if err != nil {
			bad("E_PHONE_INVALID", table.Phone.String(), "%v", err)
		} else if damagedBySpreadsheet(phone, v.region) {
			bad("E_EXCEL_ZEROS", table.Phone.String(), "the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole")
		} else {
			u.phone = e164
		}
	}
	if !given {
		bad("E_REQUIRED", table.Email.String(), "an e-mail address or a phone number is needed")
	}
	if l := r.Values[table.Locale]; l != "" {
		var ok bool
		if u.locale, ok = v.locale(l); !ok {
			bad("E_LOCALE", table.Locale.String(), "this is no language tag; write one such as en, de or pt-BR")
		}
	}
	if len(r.Attributes) > maxAttrs {
		bad("E_TOO_LONG", "", "the row has %d more columns, at most %d are kept", len(r.Attributes), maxAttrs)
	}
	for _, a := range r.Attributes {
		if len(a.Value) > maxAttribute && utf8.RuneCountInString(a.Value) > maxAttribute || len(a.Name) > maxName && utf8.RuneCountInString(a.Name) > maxName {
			bad("E_TOO_LONG", a.Name, "the value has more than %d characters, or its name more than %d", maxAttribute, maxName)
		}
		if !utf8.ValidString(a.Value) || !utf8.ValidString(a.Name) {
			bad("E_ENCODING", strings.ToValidUTF8(a.Name, "\ufffd"), "the value has characters that cannot be read")
		}
	}
	sortErrors(errs)
	return u, errs
}

func (v *rules) locale(l string) (string, bool) {
	if tag, ok := v.locales[l]; ok {
		return tag, true
	}
	tag, err := language.Parse(strings.ReplaceAll(l, "_", "-"))
	if err != nil {
		return "", false
	}
	if len(v.locales) < keptLocales {
		v.locales[strings.Clone(l)] = tag.String()
	}
	return tag.String(), true
}

func sortErrors(errs []table.RowError) {
	slices.SortFunc(errs, func(a, b table.RowError) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Field, b.Field))
	})
}

// identities calls each with the columns by which a user is known within a file.
// A phone number counts only for users who have nothing else: families share
// one.
func (u *user) identities(each func(column table.Column, value string)) {
	if u.id != "" {
		each(table.UserID, u.id)
	}
	if u.email != "" {
		each(table.Email, u.email)
	}
	if u.id == "" && u.email == "" {
		each(table.Phone, u.phone)
	}
}

// identityMark is what is kept of an identity: 96 bits of SHA-256, under which
// two of a billion are the same by chance once in 10^11 files.
func identityMark(column table.Column, value string) entry {
	var room [320]byte
	sum := sha256.Sum256(append(append(room[:0], byte(column)), value...))
	return entry{key: binary.BigEndian.Uint64(sum[:]), low: binary.BigEndian.Uint32(sum[8:])}
}
