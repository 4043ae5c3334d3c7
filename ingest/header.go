package ingest

import (
	"fmt"
	"strings"
	"unicode"
)

// Canonical columns.
const (
	colUserID = "user_id"
	colName   = "name"
	colEmail  = "email"
	colPhone  = "phone"
	colLocale = "locale"

	colFirst = "first_name" // with last_name, a name
	colLast  = "last_name"
)

// aliases of the canonical columns, in the form that fold gives them.
var aliases = func() map[string]string {
	m := map[string]string{}
	for column, names := range map[string]string{
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

// canonical is the column that a header means, "" when usher does not know it.
func canonical(h string) string { return aliases[fold(h)] }

// Columns that usher adds to refused rows. They are left out when the rows come
// back.
const (
	colRow     = "_row"
	colLine    = "_line"
	colCode    = "_code"
	colField   = "_field"
	colReason  = "_reason"
	colEscaped = "_escaped"
)

var ownColumns = map[string]bool{colRow: true, colLine: true, colCode: true, colField: true, colReason: true, colEscaped: true}

// header is the first record of a CSV file, understood.
type header struct {
	cells   []string // as they stand
	columns []string // canonical, or "" for an attribute; ownColumns as they are
	escaped int      // index of the column that lists cells to unescape, or -1
}

func readHeader(cells []string) (*header, error) {
	h := &header{escaped: -1}
	seen := map[string]string{}
	for i, c := range cells {
		c = trimCell(c)
		column := canonical(c)
		if ownColumns[c] {
			column = c
			if c == colEscaped {
				h.escaped = i
			}
		}
		if first, twice := seen[column]; twice && column != "" {
			return nil, &fileError{"E_HEADER", fmt.Sprintf("the columns %q and %q both mean %s; keep one of them", first, c, column)}
		}
		if column != "" {
			seen[column] = c
		}
		h.cells = append(h.cells, c)
		h.columns = append(h.columns, column)
	}
	if seen[colEmail] == "" && seen[colPhone] == "" && seen[colUserID] == "" {
		return nil, &fileError{"E_HEADER", "no column for an e-mail address or a phone number was found; name one email or phone"}
	}
	return h, nil
}

// trimCell drops the spaces around a cell, no-break ones and a stray byte order
// mark too.
func trimCell(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}
