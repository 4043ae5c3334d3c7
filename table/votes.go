package table

import (
	"regexp"
	"strings"
	"unicode"
)

// vote is what the cells of one column hold, among the first rows.
type vote struct {
	filled    int // cells with something in them
	addresses int
	wrapped   int // addresses within objects or lists
	numbers   int // that may be telephone numbers
	plus      int // that can be nothing but telephone numbers
	names     int // that may be names of people
	blanks    int // of those, with a blank in them
	secrets   int
	seen      map[string]bool
	again     bool     // a value stands in several rows
	cells     []string // by row; long ones are left out
}

// votes are those of all columns; nil when no cells were asked.
type votes []vote

func votesOf(h *header, rows []Row) votes {
	v := make(votes, len(h.cells))
	at := map[string]int{}
	for i, c := range h.cells {
		at[c] = i
		v[i].seen = map[string]bool{}
	}
	for n, rw := range rows {
		for i := range v {
			for len(v[i].cells) < n {
				v[i].cells = append(v[i].cells, "")
			}
		}
		if rw.object == "" {
			for i, c := range h.unescaped(rw.cells) {
				if i < len(v) {
					v[i].add(c)
				}
			}
			continue
		}
		members, _ := readObject(rw.object)
		for _, m := range members {
			if i, ok := at[m.key]; ok {
				v[i].add(m.value)
			}
		}
	}
	return v
}

// looksCrypted reports whether a value is what systems store of a password, or a token.
func looksCrypted(s string) bool {
	switch s[0] {
	case '$', '{':
	case 'p', 'b', 'a', 's', 'm':
		if strings.IndexByte(s, '$') < 0 {
			return false
		}
	case 'e':
		if !strings.HasPrefix(s, "eyJ") {
			return false
		}
	default:
		return false
	}
	return crypted.MatchString(s)
}

// longestName is how many bytes of a cell are kept to compare names.
const longestName = 200

// telephone is what can be nothing but a telephone number, and number what may be one.
var (
	telephone = regexp.MustCompile(`^'?\+[0-9][0-9 ()./-]{6,22}$`)
	number    = regexp.MustCompile(`^'?[+0-9(][0-9 ()./+-]{4,22}(\.0)?$`)
	crypted   = regexp.MustCompile(`^(\$(2[abxy]?|1|5|6|y|P|H|argon2[a-z]*|scrypt|pbkdf2[^$]*)\$|\{(SSHA|SHA|SMD5|MD5|CRYPT|SSHA256|SSHA512)[^}]*\}|(pbkdf2|bcrypt|argon2|scrypt|md5|sha1)_?[a-z0-9_]*\$|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.)`)
)

// date is how programs and people write a day, with or without a time.
var date = regexp.MustCompile(`^((19|20)[0-9]{2}([-/.])(0?[1-9]|1[0-2])([-/.])(0?[1-9]|[12][0-9]|3[01])|(0?[1-9]|[12][0-9]|3[01])([-/.])(0?[1-9]|[12][0-9]|3[01])([-/.])(19|20)?[0-9]{2})([T ].*)?$`)

// DateLike reports whether a value is a date, which may look like a telephone number.
func DateLike(s string) bool {
	if len(s) < 6 || s[0] < '0' || s[0] > '9' {
		return false
	}
	m := date.FindStringSubmatch(s)
	return m != nil && m[3] == m[5] && m[8] == m[10]
}

func (v *vote) add(c string) {
	if c = trimCell(c); c == "" || alwaysNothing(c) {
		return
	}
	if len(c) <= longestName {
		v.cells = append(v.cells, c)
	}
	v.filled++
	if v.seen[c] {
		v.again = true
	}
	v.seen[c] = true
	switch plain := strings.Trim(c, `"'[]<>`); {
	case strings.Contains(c, "@") && plainAddress.MatchString(strings.TrimPrefix(plain, "mailto:")), strings.HasPrefix(c, "[{") && strings.Contains(c, "@"):
		v.addresses++
		if c[0] == '[' {
			v.wrapped++
		}
	case telephone.MatchString(c):
		v.plus++
		v.numbers++
	case number.MatchString(c) && !DateLike(c):
		v.numbers++
	case crypted.MatchString(c):
		v.secrets++
	case len(c) < 80 && !strings.ContainsAny(c, "@{<") && strings.ContainsFunc(c, unicode.IsLetter) && !strings.EqualFold(c, "true") && !strings.EqualFold(c, "false"):
		if v.names++; strings.Contains(c, " ") {
			v.blanks++
		}
	}
}

// holds reports whether at least half of the cells are what the column would mean.
func (v votes) holds(i int, c Column) bool {
	if v == nil || v[i].filled == 0 {
		return false
	}
	n := v[i].names
	switch c {
	case Email:
		n = v[i].addresses
	case Phone:
		n = v[i].numbers
	}
	return 2*n >= v[i].filled
}

// blanks reports whether most of the names in a column have several parts.
func (v votes) blanks(i int) bool { return v != nil && 2*v[i].blanks > v[i].names }

// holdsNone reports whether there are cells, and not one of them is what the column
// would mean.
func (v votes) holdsNone(i int, c Column) bool {
	return v != nil && v[i].filled > 0 && (c == Email && v[i].addresses == 0 || c == Phone && v[i].numbers == 0)
}

// full reports whether nearly all cells are plainly addresses or telephone numbers.
func (v votes) full(i int, c Column) bool {
	n := v[i].addresses - v[i].wrapped
	if c == Phone {
		n = v[i].plus
	}
	return n > 0 && 10*n >= 8*v[i].filled
}

// part reports whether the column name holds one part of names, of which the column
// first holds another, and not the whole. It is not known when no row has both.
func (v votes) part(first, name int) (part, known bool) {
	if v == nil {
		return false, false
	}
	both, within := 0, 0
	for i := range min(len(v[first].cells), len(v[name].cells)) {
		f, n := fold(v[first].cells[i]), fold(v[name].cells[i])
		if f == "" || n == "" {
			continue
		}
		if both++; strings.Contains(n, f) {
			within++
		}
	}
	return 2*within < both, both > 0
}

func (v votes) repeats(i int) bool { return v != nil && v[i].again }

// secret reports whether cells look like what systems store of passwords.
func (v votes) secret(i int) bool {
	return v != nil && v[i].secrets > 0 && 2*v[i].secrets >= v[i].filled
}
