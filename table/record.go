package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Record is a row with its values by what they mean.
type Record struct {
	Number, Line int
	Values       [Columns]string
	Attributes   []Attribute // any other column, in the order of the file
	Bad          *RowError   // why the row has no values
	Wrong        []RowError  // values that cannot be used; what was left out is empty
	Warnings     []Warning   // what was done about values, each counted once

	odd []oddWord // which other rows may show to mean nothing
}

// Attribute is a value under a title that has no meaning of its own.
type Attribute struct{ Name, Value string }

// Record finds the meaning of a row.
func (r *Rows) Record(rw Row) Record {
	rec := Record{Number: rw.Number, Line: rw.Line, Bad: rw.bad}
	switch {
	case rw.bad != nil:
	case rw.object != "":
		rec.readObject(rw.object, r.keys)
	case r.header.raw >= 0 && r.header.raw < len(rw.cells) && trimCell(rw.cells[r.header.raw]) != "":
		rec.readObject(trimCell(r.header.unescaped(rw.cells)[r.header.raw]), r.keys)
	default:
		rec.readCells(r.header, rw)
	}
	return rec
}

// Original are the row's cells as they stand, for the refused rows.
func (r *Rows) Original(rw Row) []string {
	if r.header == nil {
		return []string{rw.object}
	}
	whole := rw.bad != nil || len(rw.cells) > len(r.header.cells)
	var out []string
	for i, c := range r.header.unescaped(rw.cells) {
		if whole || r.header.columns[i] != columnOwn {
			out = append(out, strings.ToValidUTF8(c, "\ufffd")) // the file of refused rows is UTF-8
		}
	}
	return out
}

func (rec *Record) readCells(h *header, rw Row) {
	cells := h.unescaped(rw.cells)
	for len(cells) > len(h.cells) && trimCell(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1] // spreadsheets add empty ones
	}
	// Spreadsheets also leave out empty ones. When what is missing can only be
	// attributes, and the file was not cut off here, that is what happened.
	if len(cells) > len(h.cells) || len(cells) < len(h.cells) && !rw.padded && (len(cells) < h.needed || rw.cut) {
		rec.Bad = &RowError{"E_COLUMN_COUNT", "", fmt.Sprintf("the row has %d columns, the header has %d", len(cells), len(h.cells))}
		return
	}
	for i, c := range cells {
		if c = trimCell(c); c == "" || c == `\N` { // the latter is what databases write for nothing
			continue
		}
		switch column := h.columns[i]; column {
		case columnOwn, columnSecret, columnIgnored:
		case columnAttribute:
			if rec.Attributes == nil {
				rec.Attributes = make([]Attribute, 0, len(cells)-i)
			}
			rec.attribute(h.cells[i], c)
		default:
			rec.Values[column] = rec.value(column, c, &h.words)
		}
	}
	for _, o := range h.otherwise {
		if rec.Values[o.column] == "" && o.at < len(cells) {
			if c := trimCell(cells[o.at]); c != "" && c != `\N` {
				rec.Values[o.column] = rec.value(o.column, c, &h.words)
			}
		}
	}
}

// attribute keeps a value that has no meaning of its own. An object or a list with
// secrets in it is left out.
func (rec *Record) attribute(title, value string) {
	if looksCrypted(value) || (value[0] == '{' || value[0] == '[') && holdsSecrets(value) {
		rec.warn("W_SECRET", fmt.Sprintf("the value of %q may hold passwords or the like; it was not published", title))
		return
	}
	rec.Attributes = append(rec.Attributes, Attribute{title, value})
}

func (rec *Record) warn(code, text string) {
	rec.Warnings = append(rec.Warnings, Warning{code, text, 1, rec.Line})
}

func (rec *Record) readObject(text string, k *keys) {
	members, err := readObject(text)
	if err != nil {
		rec.Bad = &RowError{"E_JSON", "", err.Error()}
		return
	}
	var ranks [Columns]int
	var from [Columns]int // the member with the value, counted from 1
	for i, m := range members {
		if slices.ContainsFunc(members[:i], func(e member) bool { return e.key == m.key }) {
			rec.Bad = &RowError{"E_JSON", "", "a key stands twice in the object"}
			return
		}
		value := trimCell(m.value)
		if value == "" || ownColumns[m.key] {
			continue
		}
		c, rank := k.find(m.key)
		if c < 0 {
			if c == columnAttribute {
				rec.attribute(m.key, value)
			}
			continue
		}
		switch {
		case from[c] > 0 && ranks[c] <= rank:
			rec.attribute(m.key, value)
			continue
		case from[c] > 0:
			had := members[from[c]-1]
			rec.attribute(had.key, trimCell(had.value))
		}
		if plain := rec.value(c, value, k.means()); plain != "" {
			rec.Values[c], ranks[c], from[c] = plain, rank, i+1
		}
	}
	for _, m := range members {
		if fold(m.key) == "attributes" && strings.HasPrefix(m.value, "{") {
			rec.readAttributes(m.value, k)
		}
	}
}

// readAttributes takes the phone number and the language from the object of a user
// directory in which attributes of one's own stand.
func (rec *Record) readAttributes(object string, k *keys) {
	gjson.Parse(object).ForEach(func(key, value gjson.Result) bool {
		means, ok := titleMeaning(key.Str)
		if ok && (means.column == Phone || means.column == Locale) && means.rank < numbered && rec.Values[means.column] == "" {
			if plain := trimCell(plainValue(value)); plain != "" {
				rec.Values[means.column] = rec.value(means.column, plain, k.means())
			}
		}
		return true
	})
}

// keys are what the keys of objects mean.
type keys struct {
	of     map[string]choice
	words  words
	chosen [Columns]bool
}

// keysOf are those of the objects that Understand saw; nil when it saw none.
func keysOf(h *header) *keys {
	if h == nil {
		return nil
	}
	k := &keys{of: map[string]choice{}, words: h.words}
	for i, title := range h.cells {
		k.of[title] = choice{i, meaning{h.columns[i], -1}}
		if c := h.columns[i]; c >= 0 {
			k.chosen[c] = true
		}
	}
	for _, o := range h.otherwise {
		k.of[h.cells[o.at]] = o
	}
	return k
}

// find is the meaning of a key. One that was not seen before means what it says, but
// never another kind of id than the others have, and with a word for a person in it it
// may be another one's than the key that was chosen.
func (k *keys) find(key string) (c Column, rank int) {
	if k != nil {
		if known, ok := k.of[key]; ok {
			return known.column, known.rank
		}
	}
	if secretTitle(key) {
		return columnSecret, 0
	}
	means, ok := titleMeaning(key)
	if !ok || means.rank >= login || k != nil && k.chosen[means.column] && (means.column == UserID || means.rank%group >= prefixed) {
		return columnAttribute, 0
	}
	return means.column, means.rank
}

func (k *keys) means() *words {
	if k == nil {
		return &words{}
	}
	return &k.words
}
