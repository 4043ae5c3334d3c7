package ingest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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
	"E_COLUMN_COUNT", "E_DUP_IN_FILE", "E_EMAIL_SYNTAX", "E_ENCODING", "E_EXCEL_ERROR", "E_EXCEL_SCIENTIFIC", "E_EXCEL_ZEROS", "E_JSON", "E_LOCALE",
	"E_PHONE_INVALID", "E_QUOTE", "E_REQUIRED", "E_TOO_LONG", "E_USER_ID",
}

// user is a record in normal form.
type user struct {
	id, name, email, phone, locale string
	attrs                          []attribute
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
func (v *rules) check(r *record) (user, []rowError) {
	if r.bad != nil {
		return user{}, []rowError{*r.bad}
	}
	var errs []rowError
	bad := func(code, field, format string, args ...any) {
		errs = append(errs, rowError{code, field, fmt.Sprintf(format, args...)})
	}
	for column, value := range r.values {
		switch {
		case value == "":
		case !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError):
			bad("E_ENCODING", columnNames[column], "the value has characters that cannot be read")
		case failedFormula(value):
			bad("E_EXCEL_ERROR", columnNames[column], "a formula of the spreadsheet failed here (%s); mend the formula or the value", value)
			r.values[column] = ""
		}
	}
	given := r.values[colEmail] != "" || r.values[colPhone] != "" || len(errs) > 0
	u := user{id: r.values[colUserID], name: r.values[colName], attrs: r.attrs}
	if u.name == "" && (r.values[colFirst] != "" || r.values[colLast] != "") {
		u.name = strings.TrimSpace(r.values[colFirst] + " " + r.values[colLast])
	}
	email := r.values[colEmail]
	if strings.IndexByte(u.id, '@') >= 0 { // an address in this column counts as one
		if email == "" {
			email, given = u.id, true
		}
		u.id = ""
	}
	if u.id != "" {
		if roundedBySpreadsheet(u.id) {
			bad("E_EXCEL_SCIENTIFIC", columnNames[colUserID], "a spreadsheet has rounded this number; format the column as text and export again")
		} else if err := event.CheckUserID(u.id); err != nil {
			bad("E_USER_ID", columnNames[colUserID], "%v", err)
		}
	}
	if n := utf8.RuneCountInString(u.name); n > maxName {
		bad("E_TOO_LONG", columnNames[colName], "the name has %d characters, at most %d are allowed", n, maxName)
	}
	if email != "" {
		var err error
		if u.email, err = parseEmail(email); err != nil {
			bad("E_EMAIL_SYNTAX", columnNames[colEmail], "%v", err)
		}
	}
	if phone := r.values[colPhone]; phone != "" {
		if e164, err := parsePhone(phone, v.region); roundedBySpreadsheet(phone) {
			bad("E_EXCEL_SCIENTIFIC", columnNames[colPhone], "a spreadsheet has rounded this number; format the column as text and export again")
		} else if err != nil {
			bad("E_PHONE_INVALID", columnNames[colPhone], "%v", err)
		} else if damagedBySpreadsheet(phone, v.region) {
			bad("E_EXCEL_ZEROS", columnNames[colPhone], "the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole")
		} else {
			u.phone = e164
		}
	}
	if !given {
		bad("E_REQUIRED", columnNames[colEmail], "an e-mail address or a phone number is needed")
	}
	if l := r.values[colLocale]; l != "" {
		var ok bool
		if u.locale, ok = v.locale(l); !ok {
			bad("E_LOCALE", columnNames[colLocale], "this is no language tag; write one such as en, de or pt-BR")
		}
	}
	if len(r.attrs) > maxAttrs {
		bad("E_TOO_LONG", "", "the row has %d more columns, at most %d are kept", len(r.attrs), maxAttrs)
	}
	for _, a := range r.attrs {
		if len(a.value) > maxAttribute && utf8.RuneCountInString(a.value) > maxAttribute || len(a.name) > maxName && utf8.RuneCountInString(a.name) > maxName {
			bad("E_TOO_LONG", a.name, "the value has more than %d characters, or its name more than %d", maxAttribute, maxName)
		}
		if !utf8.ValidString(a.value) || !utf8.ValidString(a.name) {
			bad("E_ENCODING", strings.ToValidUTF8(a.name, "\ufffd"), "the value has characters that cannot be read")
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

func sortErrors(errs []rowError) {
	slices.SortFunc(errs, func(a, b rowError) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Field, b.Field)) })
}

// roundedBySpreadsheet reports whether s is what a spreadsheet makes of a long
// number.
func roundedBySpreadsheet(s string) bool {
	return strings.IndexByte(s, '+') > 0 && excelNumber.MatchString(s) // nearly nothing has a sign inside
}

var excelNumber = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+\d+$`)

// failedFormula reports whether s is what a spreadsheet shows where a formula
// failed.
func failedFormula(s string) bool {
	return s[0] == '#' && excelError[s] || len(s) == len("Err:502") && libreOfficeError.MatchString(s)
}

// libreOfficeError is what LibreOffice writes into CSV for errors that Excel has no
// name for.
var libreOfficeError = regexp.MustCompile(`^Err:\d{3}$`)

// excelError are the names of errors in a cell.
var excelError = map[string]bool{"#N/A": true, "#REF!": true, "#NAME?": true, "#VALUE!": true, "#DIV/0!": true, "#NULL!": true, "#NUM!": true, "#SPILL!": true, "#CALC!": true}

// identities calls each with the columns by which a user is known within a file.
// A phone number counts only for users who have nothing else: families share
// one.
func (u *user) identities(each func(column int, value string)) {
	if u.id != "" {
		each(colUserID, u.id)
	}
	if u.email != "" {
		each(colEmail, u.email)
	}
	if u.id == "" && u.email == "" {
		each(colPhone, u.phone)
	}
}

// identityMark is what is kept of an identity: 96 bits of SHA-256, under which
// two of a billion are the same by chance once in 10^11 files.
func identityMark(column int, value string) entry {
	var room [320]byte
	sum := sha256.Sum256(append(append(room[:0], byte(column)), value...))
	return entry{key: binary.BigEndian.Uint64(sum[:]), low: binary.BigEndian.Uint32(sum[8:])}
}
