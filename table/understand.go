package table

import (
	"fmt"
	"slices"
	"strings"
)

// Use is what a column was taken for.
type Use struct {
	Title string `json:"title"`
	As    string `json:"as"`             // email, phone and so on, attribute, or secret
	Note  string `json:"note,omitempty"` // why, and what else there was
}

// names reports whether the mapping is about one of the columns.
func (m Mapping) names(h *header) bool {
	return slices.ContainsFunc(h.cells, func(c string) bool { return m.of(c) != "" })
}

// of is what a title is to be taken for.
func (m Mapping) of(title string) string {
	if as, ok := m[title]; ok {
		return as
	}
	for t, as := range m {
		if fold(t) == fold(title) && fold(t) != "" {
			return as
		}
	}
	return ""
}

// byMapping counts the columns whose meaning only the mapping says.
func (h *header) byMapping() (n int) {
	for i, u := range h.uses {
		if u.Note == noteMapping && h.columns[i] >= 0 {
			if _, ok := titleMeaning(h.cells[i]); !ok {
				n++
			}
		}
	}
	return n
}

// headerOfObjects makes one of the keys of objects.
func headerOfObjects(rows []Row) *header {
	h := &header{escaped: -1, raw: -1}
	seen := map[string]bool{}
	for _, rw := range rows {
		members, err := readObject(rw.object)
		if err != nil {
			continue
		}
		for _, m := range members {
			if !seen[m.key] && len(h.cells) < maxColumns {
				seen[m.key] = true
				column := columnAttribute
				if ownColumns[m.key] {
					column = columnOwn
				}
				h.cells, h.columns = append(h.cells, m.key), append(h.columns, column)
			}
		}
	}
	return h
}

// decide takes each column for something. Without votes the titles decide alone, and
// a column that only the cells could tell is left open.
func (h *header) decide(v votes, mapping Mapping) error {
	h.otherwise, h.needed, h.alike = nil, 0, nil
	h.uses = make([]Use, len(h.cells))
	var choices [Columns][]choice
	var fixed [Columns]bool
	perhaps := false // a column may hold addresses or numbers, which the cells would tell
	of := personsOf(h.cells)
	for i, title := range h.cells {
		h.uses[i] = Use{Title: title, As: asAttribute}
		if h.columns[i] == columnOwn {
			continue
		}
		h.columns[i] = columnAttribute
		if as := mapping.of(title); as != "" {
			c, _ := mapped(as)
			h.columns[i], h.uses[i].As, h.uses[i].Note = c, as, noteMapping
			if c >= 0 {
				fixed[c], h.needed = true, i+1
			}
			continue
		}
		if secretTitle(title) || v.secret(i) {
			h.columns[i], h.uses[i] = columnSecret, Use{title, AsSecret, "it may hold passwords or the like, and is not published"}
			continue
		}
		means, ok := of.titleMeaning(title)
		if !ok && of.others(title) {
			continue
		}
		if !ok || means.rank >= login && means.column == Name {
			means, ok = guessMeaning(title)
		}
		switch {
		case !ok:
			continue
		case means.rank >= login && means.rank < lastResort && means.column == Email, means.rank >= guessed:
			perhaps = true
			if v.holds(i, Name) && v.blanks(i) && means.column == Email && of.nameless {
				means = meaning{Name, lastResort}
			} else if v == nil || !v.holds(i, means.column) {
				continue
			}
		}
		choices[means.column] = append(choices[means.column], choice{i, means})
	}
	h.names(&choices, v)
	for c := range choices {
		if !fixed[c] {
			h.choose(Column(c), choices[c], v)
		}
	}
	for i, c := range h.columns {
		if c >= 0 && h.uses[i].As != asAttribute {
			h.needed = max(h.needed, i+1)
		}
	}
	switch {
	case v != nil:
		return h.enough(v)
	case h.has(Email), h.has(Phone), h.has(UserID), perhaps, h.raw >= 0:
		return nil
	}
	return Unusable("E_HEADER", "no column for an e-mail address or a phone number was found; name one email or phone")
}

func (h *header) has(c Column) bool { return slices.Contains(h.columns, c) }

func (h *header) assign(c Column, i int, note string) {
	h.columns[i], h.uses[i].As, h.uses[i].Note = c, columnNames[c], note
}

// names tells the parts of a name: in some languages the same word is the whole name
// and, beside another column, one part of it.
func (h *header) names(choices *[Columns][]choice, v votes) {
	move := func(at, to Column, i int) {
		c := choices[at][i]
		choices[at] = slices.Delete(choices[at], i, i+1)
		choices[to] = append(choices[to], choice{c.at, meaning{to, c.rank}})
	}
	for i := len(choices[Name]) - 1; i >= 0; i-- {
		c := choices[Name][i]
		first, last := choices[FirstName], choices[LastName]
		switch word := fold(h.cells[c.at]); {
		case c.rank >= numbered:
		case len(first) > 0 && len(last) == 0 && (word == "nom" || word == "naam" || word == "name"):
			if part, known := v.part(first[0].at, c.at); known && part || !known && word != "name" {
				move(Name, LastName, i)
			}
		case len(last) > 0 && len(first) == 0 && (word == "name" || c.rank >= group):
			if part, known := v.part(last[0].at, c.at); known && part || !known && word != "name" {
				move(Name, FirstName, i)
			}
		}
	}
}

// choose takes the best of the columns that may mean the same, and those that count
// where it has nothing.
func (h *header) choose(c Column, from []choice, v votes) {
	if len(from) == 0 {
		return
	}
	slices.SortStableFunc(from, func(a, b choice) int { return a.rank - b.rank })
	if c == Email || c == Phone { // one whose cells hold none at all is no column of addresses
		if slices.ContainsFunc(from, func(f choice) bool { return v.holds(f.at, c) }) {
			empty := slices.DeleteFunc(slices.Clone(from), func(f choice) bool { return !v.holdsNone(f.at, c) })
			for _, e := range empty {
				h.uses[e.at].Note = "its cells are not what its title says"
			}
			from = slices.DeleteFunc(from, func(f choice) bool { return v.holdsNone(f.at, c) })
		}
	}
	best := from[0]
	note := ""
	switch {
	case best.rank >= guessed:
		note = "by a word in its title and by what its cells hold"
	case best.rank >= login && best.rank < lastResort && c == Email:
		note = "its cells hold addresses"
	case best.rank >= lastResort && c != UserID, best.rank >= 3*group && c == Phone:
		note = "there is no better one"
	}
	var others []string
	for _, f := range from[1:] {
		others = append(others, fmt.Sprintf("%q", h.cells[f.at]))
	}
	if len(others) > 0 && c != UserID {
		note = strings.TrimPrefix(note+"; preferred to "+strings.Join(others[:min(3, len(others))], ", "), "; ")
	}
	h.assign(c, best.at, note)
	for _, f := range from[1:] {
		note := fmt.Sprintf("%q is taken for %s before it", h.cells[best.at], columnNames[c])
		if (c == Email || c == Phone) && f.rank/group == best.rank/group && f.rank%group < prefixed && best.rank < numbered {
			h.alike = append(h.alike, fmt.Sprintf("the columns %q and %q may both mean %s; the first of them was taken", h.cells[best.at], h.cells[f.at], columnNames[c]))
		}
		if insteadOf(c, best.rank, f.rank) {
			h.otherwise = append(h.otherwise, choice{f.at, meaning{c, f.rank}})
			note = fmt.Sprintf("counts for %s where %q has nothing", columnNames[c], h.cells[best.at])
		}
		h.uses[f.at].Note = note
	}
}

// insteadOf reports whether a column of one meaning may stand in for a better one that
// is empty. An id never does, because it would be another kind of id; and of numbers
// only those that are not of an office or a household.
func insteadOf(c Column, best, rank int) bool {
	switch c {
	case UserID:
		return false
	case Email:
		return rank < lastResort || rank >= guessed
	case Phone:
		return rank < 2*group
	}
	return true
}

// enough says what is missing once the cells have been asked. Each error is a
// *FileError.
func (h *header) enough(v votes) error {
	for i, c := range h.columns {
		if c == UserID {
			if means, _ := titleMeaning(h.cells[i]); means.rank >= lastResort && v.repeats(i) && h.uses[i].Note != noteMapping {
				return Unusable("E_HEADER", "the only id is in the column %q, and several people have the same one; name the column with the id of each person user_id, or have this one kept as an attribute (`usher columns`)", h.cells[i])
			}
		}
	}
	if h.raw >= 0 {
		return nil
	}
	ids, persons := slices.Index(h.columns, UserID), personsOf(h.cells)
	h.idsAreAddresses = ids >= 0 && v.holds(ids, Email)
	email := h.has(Email) || h.idsAreAddresses
	for i, c := range h.columns {
		if c != columnAttribute || h.uses[i].Note != "" {
			continue
		}
		for _, of := range []Column{Email, Phone} {
			if !v.full(i, of) || persons.others(h.cells[i]) {
				continue
			}
			if there := of == Email && email || of == Phone && h.has(Phone); !there {
				return Unusable("E_HEADER", "the column %q holds %s, and no other column was taken for them; name it %s, or say with `usher columns` what it is", h.cells[i], whatOf[of], columnNames[of])
			}
			h.uses[i].Note = fmt.Sprintf("it holds %s, and another column was taken for them", whatOf[of])
		}
	}
	if !email && !h.has(Phone) && ids < 0 {
		return Unusable("E_HEADER", "no column holds e-mail addresses or phone numbers; name one email or phone")
	}
	return nil
}

var whatOf = map[Column]string{Email: "e-mail addresses", Phone: "phone numbers"}

// warnings tell what a person should look at in how the columns were taken.
func (h *header) warnings() (out []Warning) {
	for _, text := range h.alike {
		out = append(out, Warning{Code: "W_COLUMN", Text: text})
	}
	for i, u := range h.uses {
		switch {
		case h.columns[i] == columnSecret:
			out = append(out, Warning{Code: "W_SECRET", Text: fmt.Sprintf("the column %q may hold passwords or the like; it was not published", u.Title)})
		case h.columns[i] == columnAttribute && strings.HasPrefix(u.Note, "it holds"):
			out = append(out, Warning{Code: "W_COLUMN", Text: fmt.Sprintf("the column %q holds addresses or numbers, and was kept as an attribute", u.Title)})
		case h.columns[i] >= 0 && (strings.HasPrefix(u.Note, "by a word") || strings.HasPrefix(u.Note, "its cells hold") || strings.HasPrefix(u.Note, "there is no better")):
			out = append(out, Warning{Code: "W_COLUMN", Text: fmt.Sprintf("the column %q was taken for %s: look whether that is right", u.Title, u.As)})
		}
	}
	return out
}
