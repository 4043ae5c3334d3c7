package table

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"
)

// alwaysNothing reports whether a cell says in a program's word that it is empty.
// Null and Nan, written like that, are names too.
func alwaysNothing(c string) bool {
	switch len(c) {
	case 1:
		return c == "-"
	case 2:
		return c == "--"
	case 3:
		return c == "N/A" || c == "n/a" || c == "nan" || c == "NaN" || c == "NAN" || c == "NaT"
	case 4:
		return c == "NULL" || c == "null" || c == "#N/A" || c == "<NA>"
	case 6:
		return c == "<null>" || c == "(null)" || c == "[NULL]"
	}
	return false
}

// sometimesNothing reports whether a word means nothing when other cells show it.
func sometimesNothing(s string) bool {
	switch s {
	case "NA", "None", "none", "NONE", "unknown", "Unknown", "UNKNOWN", "0", "n.a.", "nil", "undefined":
		return true
	}
	return false
}

// noName reports whether a word that may mean nothing is never a name. None is a
// surname, and nobody's whole name.
func noName(c Column, s string) bool {
	switch s {
	case "unknown", "Unknown", "UNKNOWN", "undefined", "none", "NONE", "n.a.":
		return true
	case "None":
		return c == Name
	}
	return false
}

// namesLikeNothing are names that look like a program's word for nothing.
var namesLikeNothing = map[string]bool{"Null": true, "Na": true, "NA": true, "Nan": true, "None": true}

// words are values that mean something of their own in one file.
type words struct {
	nothing map[string]bool // NA and its like, which mean nothing
	cut     map[string]bool // numbers that were too large
}

// nothing are the words that mean nothing in this file: those in a column of addresses
// or numbers, and those in more than one cell.
func (v votes) nothing(columns []Column) map[string]bool {
	count := map[string]int{}
	for i := range v {
		c := columns[i]
		for _, cell := range v[i].cells {
			if c >= 0 && sometimesNothing(cell) {
				if count[cell]++; c == Email || c == Phone {
					count[cell]++
				}
			}
		}
	}
	var words map[string]bool
	for word, n := range count {
		if n > 1 {
			if words == nil {
				words = map[string]bool{}
			}
			words[word] = true
		}
	}
	return words
}

// largestNumber returns the number when it is the largest one of a type: what a
// program stores of one that is larger.
func largestNumber(s string) (n string, is bool) {
	if len(s) < 10 || len(s) > 23 {
		return "", false
	}
	n, _, _ = strings.Cut(strings.TrimPrefix(s, "+"), ".0")
	switch n {
	case "2147483647", "4294967295", "9223372036854775807", "18446744073709551615":
		return n, true
	}
	return "", false
}

// cutNumbers are those of them that stand in several rows where each person has a
// number of their own.
func (v votes) cutNumbers(columns []Column) map[string]bool {
	count := map[string]int{}
	for i := range v {
		for _, cell := range v[i].cells {
			if c := columns[i]; c != Phone && c != UserID {
				break
			}
			if n, is := largestNumber(cell); is {
				count[n]++
			}
		}
	}
	var cut map[string]bool
	for n, times := range count {
		if times > 1 {
			if cut == nil {
				cut = map[string]bool{}
			}
			cut[n] = true
		}
	}
	return cut
}

// value is what a cell of a column that usher knows says: without what programs wrap
// around it, and empty when it says that it is.
func (rec *Record) value(c Column, s string, in *words) string {
	if in.cut != nil && (c == Phone || c == UserID) {
		if n, is := largestNumber(s); is && in.cut[n] {
			rec.Wrong = append(rec.Wrong, RowError{"E_NUMBER_LIMIT", columnNames[c], "this is the largest number that a program could store, and stands in several rows; export the list again with this column as text"})
			return ""
		}
	}
	if plainValueOf(s) {
		return s
	}
	if c == Name && (s[0] == '{' || s[0] == '[') && gjson.Valid(s) {
		rec.nameParts(gjson.Parse(s), in)
	}
	if s = rec.unwrap(c, s); s == "" {
		return ""
	}
	name := c == Name || c == FirstName || c == LastName
	sometimes := sometimesNothing(s)
	if name && noName(c, s) {
		rec.warn("W_NOTHING", fmt.Sprintf("cells with the word %q were read as empty", s))
		return ""
	}
	if sometimes && !in.nothing[s] {
		rec.odd = append(rec.odd, oddWord{c, s})
	}
	switch {
	case alwaysNothing(s), in.nothing[s], !name && s == "Null", sometimes && (c == Email || c == Phone):
		rec.warn("W_NOTHING", fmt.Sprintf("cells with the word %q were read as empty", s))
		return ""
	case name && namesLikeNothing[s]:
		rec.warn("W_NOTHING", fmt.Sprintf("the name %q was kept, although programs write it for nothing", s))
	case name && machineText(s):
		rec.Wrong = append(rec.Wrong, RowError{"E_VALUE", columnNames[c], "this is what a program wrote, and no name; write the name, or leave the cell empty"})
		return ""
	}
	return s
}

// nameParts keeps the parts of a name that lie in an object, unless the row has them
// by themselves.
func (rec *Record) nameParts(v gjson.Result, in *words) {
	if list := v.Array(); v.IsArray() && len(list) == 1 {
		v = list[0]
	}
	if !v.IsObject() || rec.Values[FirstName] != "" || rec.Values[LastName] != "" {
		return
	}
	members := membersOf(v)
	for _, p := range [...]struct {
		column Column
		keys   []string
	}{{FirstName, firstKeys}, {LastName, lastKeys}} {
		if part := firstValue(Name, members, p.keys, 0); part != "" {
			rec.Values[p.column] = rec.value(p.column, part, in)
		}
	}
}

// plainValueOf is a quick look that nearly all values pass: longer than any word for
// nothing, and without a sign that programs wrap values in.
func plainValueOf(s string) bool {
	if len(s) < 10 {
		return false
	}
	switch s[0] {
	case '{', '[', '<', '=', '\'', '"', '?':
		return false
	}
	return s[len(s)-1] != '"' && !strings.Contains(s, "#EXT#") && !strings.Contains(s, ":") && !strings.Contains(s, ";") && !strings.Contains(s, "object") && !strings.ContainsAny(s, "<{&?")
}

// markup is a tag of HTML, and formula is one that stands as its text.
var (
	markup  = regexp.MustCompile(`</?[A-Za-z][^<>]*>`)
	formula = regexp.MustCompile(`^=|[A-Z]{1,3}[0-9]+ ?& ?["A-Z]|^(CONCAT|CONCATENATE|VLOOKUP|TRIM|PROPER)\(`)
)

// machineText reports whether a name is what a program wrote, and none.
func machineText(s string) bool {
	switch {
	case strings.Contains(s, "[object ") || s[0] == '{' || s[0] == '[' && strings.ContainsAny(s, `"{:`), strings.Contains(s, "<") && markup.MatchString(s), strings.ContainsAny(s, "=&(") && formula.MatchString(s), s == "TRUE", s == "FALSE", s == "True", s == "False":
		return true
	case strings.Contains(s, "??"):
		return strings.Trim(s, "? ") == ""
	}
	return !strings.ContainsFunc(s, unicode.IsLetter) && strings.ContainsAny(s, "0123456789") // a formula's result that was never calculated, an id
}

// unwrap takes off what programs write around a value: quotes against spreadsheets, a
// text mark, a link, a list or an object in JSON, HTML, several values.
func (rec *Record) unwrap(c Column, s string) string {
	plain := s
	if strings.HasPrefix(plain, `="`) && strings.HasSuffix(plain, `"`) && len(plain) > 3 {
		plain = strings.ReplaceAll(plain[2:len(plain)-1], `""`, `"`)
	}
	if strings.HasPrefix(plain, "'") && len(plain) > 1 && (c == UserID || c == Phone) {
		plain = plain[1:]
	}
	if c == Email && len(plain) > 7 && strings.EqualFold(plain[:7], "mailto:") {
		plain, _, _ = strings.Cut(plain[7:], "?")
	}
	if before, _, guest := strings.Cut(plain, "#EXT#@"); c == Email && guest { // how Entra names guests
		if i := strings.LastIndexByte(before, '_'); i > 0 {
			plain = before[:i] + "@" + before[i+1:]
		}
	}
	if c == Phone && len(plain) > 4 && strings.EqualFold(plain[:4], "tel:") {
		plain = plain[4:]
	}
	if (strings.HasPrefix(plain, "[") || strings.HasPrefix(plain, "{")) && gjson.Valid(plain) { // a mail link may have been to no one
		inner, ok := innerValue(c, gjson.Parse(plain), 0)
		if !ok {
			rec.Wrong = append(rec.Wrong, RowError{"E_VALUE", columnNames[c], expected(c)})
			return ""
		}
		plain = inner
	}
	if c == Name || c == FirstName || c == LastName {
		if strings.HasPrefix(plain, "<") && strings.HasSuffix(plain, ">") && markup.MatchString(plain) {
			if text := strings.Join(strings.Fields(markup.ReplaceAllString(plain, " ")), " "); text != "" && !strings.ContainsAny(text, "<>{}&") {
				plain = text
			}
		}
	}
	if plain = trimCell(plain); plain != s && plain != "" {
		rec.warn("W_UNWRAPPED", fmt.Sprintf("what a program wrote around the %s was taken off", columnNames[c]))
	}
	if first, several := firstOf(c, plain); several {
		rec.warn("W_SEVERAL", fmt.Sprintf("a cell has several values for %s; the first was taken", columnNames[c]))
		plain = first
	}
	return plain
}

// firstOf is the first of several values in one cell.
func firstOf(c Column, s string) (first string, several bool) {
	if i := strings.Index(s, " ::: "); i > 0 {
		return strings.TrimSpace(s[:i]), true
	}
	if c != Email && c != Phone {
		return s, false
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' || r == '|' || r == '\n' })
	if len(parts) < 2 {
		return s, false
	}
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if c == Email && !plainAddress.MatchString(p) || c == Phone && !number.MatchString(p) {
			return s, false
		}
		parts[i] = p
	}
	return parts[0], true
}

// expected says what a value in JSON should have been.
func expected(c Column) string {
	switch c {
	case Name, FirstName, LastName:
		return `a name is expected here: a text, or an object such as {"first":"Jo","last":"Doe"}`
	case Email, Phone:
		return `one value is expected here: a text, a list of them, or objects such as {"value":"…","primary":true}`
	}
	return "one value is expected here, and not an object or a list"
}

// Keys under which objects hold their value, and parts of a name.
var (
	valueKeys = map[Column][]string{
		Email: {"value", "email", "address", "emailaddress", "mail"}, Phone: {"value", "phone", "number", "phonenumber", "canonicalform"},
		Name: {"formatted", "fullname", "displayname", "full", "text", "value", "name"}, Locale: {"value", "code", "locale", "language"}, UserID: {"value", "id"},
	}
	firstKeys = []string{"first", "firstname", "givenname", "given", "forename", "vorname"}
	lastKeys  = []string{"last", "lastname", "familyname", "family", "surname", "nachname"}
)

// deepest is how deep a value may lie within what is wrapped around it.
const deepest = 3

// innerValue finds the one value in an object or a list: of several the primary one,
// else the first; of a name its parts put together.
func innerValue(c Column, v gjson.Result, depth int) (string, bool) {
	switch {
	case v.Type == gjson.Null:
		return "", true
	case v.Type == gjson.String:
		return trimCell(v.Str), true
	case v.Type == gjson.Number && c != Name && c != FirstName && c != LastName:
		return plainNumber(v.Raw), true
	case depth > deepest:
		return "", false
	case v.IsArray():
		return innerOfList(c, v.Array(), depth)
	case !v.IsObject():
		return "", false
	}
	members := membersOf(v)
	if rich := members["richtext"]; rich.IsArray() {
		var text strings.Builder
		for _, run := range rich.Array() {
			text.WriteString(run.Get("text").Str)
		}
		return trimCell(text.String()), true
	}
	plain := Name
	if c != FirstName && c != LastName {
		plain = c
	}
	s := firstValue(c, members, valueKeys[plain], depth)
	if c == Name && s == "" {
		s = strings.TrimSpace(firstValue(c, members, firstKeys, depth) + " " + firstValue(c, members, lastKeys, depth))
	}
	return s, s != "" || len(members) == 0
}

// membersOf are the members of an object by their folded keys.
func membersOf(v gjson.Result) map[string]gjson.Result {
	members := map[string]gjson.Result{}
	v.ForEach(func(key, value gjson.Result) bool { members[fold(key.Str)] = value; return len(members) < maxColumns })
	return members
}

// firstValue is that of the first of the keys that has one.
func firstValue(c Column, members map[string]gjson.Result, keys []string, depth int) string {
	for _, k := range keys {
		if s, ok := innerValue(c, members[k], depth+1); ok && s != "" {
			return s
		}
	}
	return ""
}

func innerOfList(c Column, list []gjson.Result, depth int) (string, bool) {
	if len(list) == 0 {
		return "", true
	}
	best := list[0]
	for _, e := range list {
		if e.IsObject() && (e.Get("primary").Bool() || e.Get("isPrimary").Bool()) {
			best = e
			break
		}
	}
	if (c == Name || c == UserID) && len(list) > 1 {
		return "", false // which one, nothing says
	}
	return innerValue(c, best, depth+1)
}

// holdsSecrets reports whether a key in an object or a list is one of secrets.
func holdsSecrets(s string) (yes bool) {
	if !gjson.Valid(s) {
		return false
	}
	var look func(v gjson.Result)
	look = func(v gjson.Result) {
		v.ForEach(func(key, value gjson.Result) bool {
			yes = yes || key.Type == gjson.String && secretTitle(key.Str)
			if !yes && (value.IsObject() || value.IsArray()) {
				look(value)
			}
			return !yes
		})
	}
	look(gjson.Parse(s))
	return yes
}
