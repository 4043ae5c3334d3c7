package ingest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"
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
var RowCodes = codes(table.RowCodes, "E_DUP_IN_FILE", "E_EMAIL_SYNTAX", "E_ENCODING", "E_EXCEL_ERROR", "E_EXCEL_SCIENTIFIC", "E_EXCEL_ZEROS",
	"E_PHONE_INVALID", "E_REQUIRED", "E_TOO_LONG", "E_USER_ID")

// FileCodes lists the codes with which a whole file may be refused.
var FileCodes = codes(table.FileCodes, "E_ALL_ROWS", "E_CHANGED", "E_CHECKSUM", "E_CUT_OFF", "E_EMPTY", "E_KNOWN", "E_LINK", "E_POISON", "E_SPECIAL", "E_STRICT", "E_TOO_BIG",
	"E_TOO_MANY_REFUSED", "E_TOO_MANY_ROWS", "E_TRAILER", "E_UNREADABLE", "E_UPLOAD")

// WarningCodes lists the codes of warnings.
var WarningCodes = codes(table.WarningCodes, "W_ATTRIBUTES", "W_CHARACTERS", "W_CUT_OFF", "W_HELD", "W_LOCALE", "W_NUMBER", "W_RELEASED", "W_SKIP", "W_USER_ID")

// codes are those of the table and those of ingest itself, each once.
func codes(ofTable []string, own ...string) []string {
	all := slices.Concat(ofTable, own)
	slices.Sort(all)
	return slices.Compact(all)
}

// user is a record in normal form.
type user struct {
	id, name, email, phone, locale string
	given, family                  string // parts of the name, when the list has them apart
	attrs                          []table.Attribute
}

// rules judge records. One set of them is for one goroutine.
type rules struct {
	region   string
	skip     []*skipping
	warnings *table.Warnings   // nil: they are not collected
	locales  map[string]string // language tags seen before, in normal form
}

func newRules(in Inbox) *rules { return &rules{region: in.Region, locales: map[string]string{}} }

// rules are those for the rows of the file.
func (j *job) rules() *rules {
	r := newRules(j.in)
	r.skip = j.in.Skip.about(j.table.Columns)
	return r
}

// keptLocales is how many language tags are remembered.
const keptLocales = 1000

// warn counts a warning about a row, when warnings are collected.
func (v *rules) warn(code, text string, line int) {
	if v.warnings != nil {
		v.warnings.Add(code, text, line)
	}
}

// check returns the user that a record describes, and all that is wrong with it.
func (v *rules) check(r *table.Record) (user, []table.RowError) {
	if r.Bad != nil {
		return user{}, []table.RowError{*r.Bad}
	}
	for _, w := range r.Warnings {
		v.warn(w.Code, w.Text, r.Line)
	}
	errs := slices.Clone(r.Wrong)
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
	u := user{
		id: r.Values[table.UserID], name: r.Values[table.Name], given: r.Values[table.FirstName], family: r.Values[table.LastName], attrs: r.Attributes,
	}
	if u.name == "" {
		u.name = strings.TrimSpace(u.given + " " + u.family)
	}
	email := r.Values[table.Email]
	if strings.IndexByte(u.id, '@') >= 0 { // an address in this column counts as one
		if email == "" {
			email, given = u.id, true
		}
		u.id = ""
	}
	for _, f := range [...]struct {
		column table.Column
		value  string
	}{{table.FirstName, u.given}, {table.LastName, u.family}, {table.Name, u.name}} {
		if n := utf8.RuneCountInString(f.value); n > maxName {
			bad("E_TOO_LONG", f.column.String(), "the name has %d characters, at most %d are allowed", n, maxName)
			break
		}
	}
	if email != "" {
		var err error
		if u.email, err = v.email(email, r.Line); err != nil {
			bad("E_EMAIL_SYNTAX", table.Email.String(), "%v", err)
		}
	}
	if phone := r.Values[table.Phone]; phone != "" {
		var wrong *table.RowError
		if u.phone, wrong = v.phone(phone, r.Line); wrong != nil {
			errs = append(errs, *wrong)
		}
	}
	if u.id != "" {
		if wrong := v.userID(&u, r.Line); wrong != nil {
			errs = append(errs, *wrong)
		}
	}
	if !given {
		bad("E_REQUIRED", table.Email.String(), "an e-mail address or a phone number is needed")
	}
	if l := r.Values[table.Locale]; l != "" {
		var ok bool
		if u.locale, ok = v.locale(l); !ok {
			v.warn("W_LOCALE", "a language was not understood, and the row was taken without it; write one such as en, de or pt-BR", r.Line)
		}
	}
	u.attrs = v.attributes(u.attrs, r.Line, bad)
	sortErrors(errs)
	return u, errs
}

// attributes are those that are kept, each no longer than it may be.
func (v *rules) attributes(all []table.Attribute, line int, bad func(code, field, format string, args ...any)) []table.Attribute {
	if len(all) > maxAttrs {
		v.warn("W_ATTRIBUTES", fmt.Sprintf("a row has more than %d other columns; the first %d were kept", maxAttrs, maxAttrs), line)
		all = all[:maxAttrs]
	}
	for i, a := range all {
		if !utf8.ValidString(a.Value) || !utf8.ValidString(a.Name) {
			bad("E_ENCODING", strings.ToValidUTF8(a.Name, "\ufffd"), "the value has characters that cannot be read")
			continue
		}
		if value, cut := shortened(a.Value, maxAttribute); cut {
			v.warn("W_ATTRIBUTES", fmt.Sprintf("a value of another column has more than %d characters; the first %d were kept", maxAttribute, maxAttribute), line)
			all[i].Value = value
		}
		if name, cut := shortened(a.Name, maxName); cut {
			v.warn("W_ATTRIBUTES", fmt.Sprintf("the title of another column has more than %d characters; the first %d were kept", maxName, maxName), line)
			all[i].Name = name
		}
	}
	return all
}

// shortened is a text of at most so many characters.
func shortened(s string, most int) (short string, cut bool) {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s, false
	}
	n := 0
	for i := range s {
		if n == most {
			return s[:i], true
		}
		n++
	}
	return s, false
}

// email is an address in normal form, without characters that cannot be seen.
func (v *rules) email(s string, line int) (string, error) {
	if plainEmail(s) {
		return s, nil
	}
	plain := strings.TrimSuffix(visible(s), ".")
	if plain != s {
		v.warn("W_CHARACTERS", "invisible characters, or a dot at the end, were taken off addresses and numbers", line)
	}
	for _, r := range plain {
		if r >= utf8.RuneSelf && unicode.In(r, unicode.C, unicode.Z) {
			return "", fmt.Errorf("the address has the character U+%04X, which cannot be part of one", r)
		}
	}
	return parseEmail(plain)
}

// visible is a text without characters that are not seen: marks for the direction of
// writing, soft hyphens, spaces without width.
func visible(s string) string {
	for i := 0; ; i++ {
		if i == len(s) {
			return s
		}
		if s[i] >= utf8.RuneSelf {
			break
		}
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == 0xad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, s)
}

// phone is a number in E.164, or what is wrong with it.
func (v *rules) phone(s string, line int) (string, *table.RowError) {
	wrong := func(code, format string, args ...any) (string, *table.RowError) {
		return "", &table.RowError{Code: code, Field: table.Phone.String(), Reason: fmt.Sprintf(format, args...)}
	}
	if plain := visible(s); plain != s {
		v.warn("W_CHARACTERS", "invisible characters, or a dot at the end, were taken off addresses and numbers", line)
		s = plain
	}
	whole, changed := wholeNumber(s)
	if changed {
		v.warn("W_NUMBER", "numbers that a program had written with decimals or an exponent were read as the whole numbers they are", line)
		s = whole
	}
	switch {
	case table.Rounded(s):
		return wrong("E_EXCEL_SCIENTIFIC", "a spreadsheet has rounded this number; format the column as text and export again")
	case table.DateLike(s):
		return wrong("E_PHONE_INVALID", "this is a date, and no phone number")
	case brokenNumber(s):
		return wrong("E_PHONE_INVALID", "this is a number with decimals, and no phone number; format the column as text and export again")
	}
	e164, err := parsePhone(s, v.region)
	if err != nil {
		return wrong("E_PHONE_INVALID", "%v", err)
	}
	if damagedBySpreadsheet(s, v.region) {
		return wrong("E_EXCEL_ZEROS", "the number does not begin with 0 or +, which a spreadsheet drops; format the column as text and write the number whole")
	}
	if only, ambiguous := withoutPlus(s, v.region, e164); ambiguous {
		return wrong("E_EXCEL_ZEROS", "the number begins with neither 0 nor +, so it can be read in two ways; write it like +49 30 123456")
	} else if only != "" {
		e164 = only
	}
	return e164, nil
}

// userID judges the id of a user. One that cannot be an id stays as an attribute, as
// long as another can be derived.
func (v *rules) userID(u *user, line int) *table.RowError {
	if plain := visible(u.id); plain != u.id {
		v.warn("W_CHARACTERS", "invisible characters, or a dot at the end, were taken off addresses and numbers", line)
		u.id = plain
	}
	if whole, changed := wholeNumber(u.id); changed {
		v.warn("W_NUMBER", "numbers that a program had written with decimals or an exponent were read as the whole numbers they are", line)
		u.id = whole
	}
	if table.Rounded(u.id) {
		return &table.RowError{Code: "E_EXCEL_SCIENTIFIC", Field: table.UserID.String(), Reason: "a spreadsheet has rounded this number; format the column as text and export again"}
	}
	err := event.CheckUserID(u.id)
	switch {
	case err == nil:
		return nil
	case u.email == "" && u.phone == "", !utf8.ValidString(u.id):
		return &table.RowError{Code: "E_USER_ID", Field: table.UserID.String(), Reason: err.Error()}
	}
	v.warn("W_USER_ID", "ids with characters that usher cannot use were kept as the attribute user_id, and others were derived", line)
	if !slices.ContainsFunc(u.attrs, func(a table.Attribute) bool { return a.Name == table.UserID.String() }) {
		u.attrs = append([]table.Attribute{{Name: table.UserID.String(), Value: u.id}}, u.attrs...)
	}
	u.id = ""
	return nil
}

func (v *rules) locale(l string) (string, bool) {
	if tag, ok := v.locales[l]; ok {
		return tag, tag != ""
	}
	tag := ""
	if t, err := language.Parse(strings.ReplaceAll(l, "_", "-")); err == nil {
		tag = t.String()
	} else if known, ok := knownLanguage(l); ok {
		tag = known
	}
	if len(v.locales) < keptLocales {
		v.locales[strings.Clone(l)] = tag
	}
	return tag, tag != ""
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
