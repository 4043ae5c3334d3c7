package table

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Column is what a column means.
type Column int

// Canonical columns.
const (
	UserID Column = iota
	Name
	Email
	Phone
	Locale
	FirstName // with LastName, a name
	LastName
	Columns // how many there are

	columnAttribute Column = -1 // any other column
	columnOwn       Column = -2 // one that usher added to refused rows
)

var columnNames = [Columns]string{"user_id", "name", "email", "phone", "locale", "first_name", "last_name"}

// String is the column as events and reports name it.
func (c Column) String() string { return columnNames[c] }

// aliases of the canonical columns, in the form that fold gives them.
var aliases = func() map[string]Column {
	m := map[string]Column{}
	for column, names := range [Columns]string{
		UserID:    "userid id uid externalid employeeid customerid memberid personid accountid benutzerid kundennummer",
		Name:      "name fullname displayname completename vollername",
		FirstName: "firstname givenname forename vorname",
		LastName:  "lastname surname familyname nachname",
		Email:     "email emailaddress mail mailaddress emails primaryemail workemail emailadresse",
		Phone:     "phone phonenumber mobile mobilephone mobilenumber cell cellphone telephone tel telefon telefonnummer handy handynummer msisdn",
		Locale:    "locale language lang preferredlanguage sprache",
	} {
		for _, n := range strings.Fields(names) {
			m[n] = Column(column)
		}
	}
	return m
}()

// fold is a header without what people write differently: case, spaces, dashes,
// underscores, dots.
func fold(h string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, h)
}

// canonical is the column that a header means, or columnAttribute.
func canonical(h string) Column {
	if c, ok := aliases[fold(h)]; ok {
		return c
	}
	return columnAttribute
}

// header is the first record of a table, understood.
type header struct {
	cells   []string // as they stand
	columns []Column // canonical, columnAttribute or columnOwn
	needed  int      // how many cells a row has at least; columns after that are attributes
	escaped int      // index of the column that lists cells to unescape, or -1
	raw     int      // index of the column with objects of JSON, or -1
}

// readHeader understands the first record of a table. Its error is a *FileError.
func readHeader(cells []string) (*header, error) {
	h := &header{escaped: -1, raw: -1}
	var seen [Columns]string
	titles := map[string]bool{}
	address := false
	back := slices.ContainsFunc(cells, func(c string) bool { return trimCell(c) == colEscaped }) // refused rows that came back
	for i, c := range cells {
		c = trimCell(c)
		if back {
			c = unescapeTitle(c)
		}
		column := canonical(c)
		switch {
		case ownColumns[c]:
			column = columnOwn
			if c == colEscaped {
				h.escaped = i
			}
		case c == colRaw:
			h.raw = i
		case c == "":
			c = fmt.Sprintf("column %d", i+1) // so that nothing under it is lost
		case column != columnAttribute && seen[column] != "":
			return nil, Unusable("E_HEADER", "the columns %q and %q both mean %s; keep one of them", seen[column], c, columnNames[column])
		case column != columnAttribute:
			seen[column] = c
			h.needed = i + 1
		case titles[c]:
			return nil, Unusable("E_HEADER", "two columns are named %q; name one of them differently", c)
		default:
			address = address || strings.Contains(c, "@")
		}
		titles[c] = true
		h.cells = append(h.cells, c)
		h.columns = append(h.columns, column)
	}
	if seen[Email] == "" && seen[Phone] == "" && seen[UserID] == "" && h.raw < 0 {
		if address {
			return nil, Unusable("E_HEADER", "the first line is a user and not the names of the columns; put a line such as email,name above it")
		}
		return nil, Unusable("E_HEADER", "no column for an e-mail address or a phone number was found; name one email or phone")
	}
	return h, nil
}

// kept are the header's cells without the columns that usher adds.
func (h *header) kept() []string {
	var out []string
	for i, c := range h.cells {
		if h.columns[i] != columnOwn {
			out = append(out, c)
		}
	}
	return out
}

// trimCell drops the spaces around a cell, no-break ones and a stray byte order
// mark too.
func trimCell(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}
