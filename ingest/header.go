package ingest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Canonical columns.
const (
	colUserID = iota
	colName
	colEmail
	colPhone
	colLocale
	colFirst // with colLast, a name
	colLast
	columnsKnown

	colAttribute = -1 // any other column
	colOwn       = -2 // one that usher added to refused rows
)

// columnNames are the canonical columns as events and reports name them.
var columnNames = [columnsKnown]string{"user_id", "name", "email", "phone", "locale", "first_name", "last_name"}

// aliases of the canonical columns, in the form that fold gives them.
var aliases = func() map[string]int {
	m := map[string]int{}
	for column, names := range [columnsKnown]string{
		colUserID: "userid id uid externalid employeeid customerid memberid personid accountid benutzerid kundennummer",
		colName:   "name fullname displayname completename vollername",
		colFirst:  "firstname givenname forename vorname",
		colLast:   "lastname surname familyname nachname",
		colEmail:  "email emailaddress mail mailaddress emails primaryemail workemail emailadresse",
		colPhone:  "phone phonenumber mobile mobilephone mobilenumber cell cellphone telephone tel telefon telefonnummer handy handynummer msisdn",
		colLocale: "locale language lang preferredlanguage sprache",
	} {
		for _, n := range strings.Fields(names) {
			m[n] = column
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

// canonical is the column that a header means, or colAttribute.
func canonical(h string) int {
	if c, ok := aliases[fold(h)]; ok {
		return c
	}
	return colAttribute
}

// Columns that usher adds to refused rows. They are left out when the rows come
// back; but a row whose colRaw has an object is that object.
const (
	colRow     = "_row"
	colLine    = "_line"
	colCode    = "_code"
	colField   = "_field"
	colReason  = "_reason"
	colEscaped = "_escaped"
	colRaw     = "_raw"
)

var ownColumns = map[string]bool{colRow: true, colLine: true, colCode: true, colField: true, colReason: true, colEscaped: true}

// header is the first record of a table, understood.
type header struct {
	cells   []string // as they stand
	columns []int    // canonical, colAttribute or colOwn
	needed  int      // how many cells a row has at least; columns after that are attributes
	escaped int      // index of the column that lists cells to unescape, or -1
	raw     int      // index of the column with objects of JSON, or -1
}

// readHeader understands the first record of a table. Its error is a *fileError.
func readHeader(cells []string) (*header, error) {
	h := &header{escaped: -1, raw: -1}
	var seen [columnsKnown]string
	attributes := map[string]bool{}
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
			column = colOwn
			if c == colEscaped {
				h.escaped = i
			}
		case c == colRaw:
			h.raw = i
		case c == "":
			c = fmt.Sprintf("column %d", i+1) // so that nothing under it is lost
		case column != colAttribute && seen[column] != "":
			return nil, &fileError{"E_HEADER", fmt.Sprintf("the columns %q and %q both mean %s; keep one of them", seen[column], c, columnNames[column])}
		case column != colAttribute:
			seen[column] = c
			h.needed = i + 1
		case attributes[c]:
			return nil, &fileError{"E_HEADER", fmt.Sprintf("two columns are named %q; name one of them differently", c)}
		default:
			address = address || strings.Contains(c, "@")
		}
		attributes[c] = true
		h.cells = append(h.cells, c)
		h.columns = append(h.columns, column)
	}
	if seen[colEmail] == "" && seen[colPhone] == "" && seen[colUserID] == "" && h.raw < 0 {
		if address {
			return nil, &fileError{"E_HEADER", "the first line is a user and not the names of the columns; put a line such as email,name above it"}
		}
		return nil, &fileError{"E_HEADER", "no column for an e-mail address or a phone number was found; name one email or phone"}
	}
	return h, nil
}

// own are the header's cells without the columns that usher adds.
func (h *header) own() []string {
	var out []string
	for i, c := range h.cells {
		if h.columns[i] != colOwn {
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
