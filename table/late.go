package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Late collects from all rows what the first ones could not show: words that mean
// nothing, numbers that were too large, and addresses under titles that say nothing.
// The zero value is ready. It is for one goroutine at a time.
type Late struct {
	words   map[string]int  // of sometimesNothing, as often as they speak for it
	names   map[string]int  // those that stand for names, which they may be
	largest map[string]int  // numbers of that kind in columns of which each person has their own
	unread  map[string]*hit // by title of a column that was kept as it is
}

// hit is what was found in one column.
type hit struct {
	addresses, phones int
	line              int // the first one
}

// oddWord is a word that may mean nothing.
type oddWord struct {
	column Column
	word   string
}

// Look takes in a record. Nearly all have nothing to tell.
func (l *Late) Look(rec *Record) {
	for _, o := range rec.odd {
		switch o.column {
		case Name, FirstName, LastName:
			count(&l.names, o.word, 1)
		case Email, Phone:
			count(&l.words, o.word, 2)
		default:
			count(&l.words, o.word, 1)
		}
	}
	for _, c := range [...]Column{Phone, UserID} {
		if n, is := largestNumber(rec.Values[c]); is {
			count(&l.largest, n, 1)
		}
	}
	for _, a := range rec.Attributes {
		address := strings.IndexByte(a.Value, '@') > 0 && plainAddress.MatchString(a.Value)
		if !address && (a.Value == "" || a.Value[0] != '+' || !telephone.MatchString(a.Value)) {
			continue
		}
		h := l.unread[a.Name]
		if h == nil {
			if len(l.unread) >= maxColumns {
				continue
			}
			if l.unread == nil {
				l.unread = map[string]*hit{}
			}
			h = &hit{line: rec.Line}
			l.unread[a.Name] = h
		}
		if address {
			h.addresses++
		} else {
			h.phones++
		}
	}
}

func count(m *map[string]int, key string, n int) {
	if *m == nil {
		*m = map[string]int{}
	}
	(*m)[key] += n
}

// Merge adds what another collector has, of later rows.
func (l *Late) Merge(o Late) {
	for _, m := range [...]struct{ to, from *map[string]int }{{&l.words, &o.words}, {&l.names, &o.names}, {&l.largest, &o.largest}} {
		for key, n := range *m.from {
			count(m.to, key, n)
		}
	}
	for title, h := range o.unread {
		had := l.unread[title]
		switch {
		case l.unread == nil:
			l.unread = map[string]*hit{title: h}
		case had == nil && len(l.unread) < maxColumns:
			l.unread[title] = h
		case had != nil:
			had.addresses += h.addresses
			had.phones += h.phones
			had.line = min(had.line, h.line)
		}
	}
}

// Bounds of what many rows show.
const (
	rareName   = 200 // rows for each one of a name that may mean nothing, so that it does
	fewUnread  = 2   // addresses under a title that says nothing, so that they are no accident
	wordsSpeak = 2   // times
)

// Reconsider reads words and numbers as all rows show them, and reports whether any
// of them means something other than the first rows suggested. Then the rows have to be
// read again.
func (t *File) Reconsider(l Late, rows int) (again bool) {
	if t.header == nil {
		return false
	}
	w := words{maps.Clone(t.header.words.nothing), maps.Clone(t.header.words.cut)}
	mean := func(m *map[string]bool, word string) {
		if !(*m)[word] {
			if *m == nil {
				*m = map[string]bool{}
			}
			(*m)[word], again = true, true
		}
	}
	for _, word := range slices.Concat(slices.Collect(maps.Keys(l.words)), slices.Collect(maps.Keys(l.names))) {
		names := l.names[word]
		if namesLikeNothing[word] && names*rareName < rows {
			names = 0
		}
		if l.words[word]+names >= wordsSpeak {
			mean(&w.nothing, word)
		}
	}
	for n, times := range l.largest {
		if times > 1 {
			mean(&w.cut, n)
		}
	}
	t.header.words = w
	return again
}

// Unread says which columns that were kept as they are hold addresses or numbers that
// the first rows did not show. The error is a *FileError when nothing else has them.
func (t *File) Unread(l Late, warnings *Warnings) error {
	if t.header == nil {
		return nil
	}
	h := t.header
	persons := personsOf(h.cells)
	email := h.has(Email) || h.idsAreAddresses
	for _, title := range slices.Sorted(maps.Keys(l.unread)) {
		found := l.unread[title]
		if i := slices.Index(h.cells, title); i >= 0 && h.uses[i].Note != "" || persons.others(title) {
			continue // it was said, or is another person's
		}
		for _, of := range []Column{Email, Phone} {
			n, there := found.addresses, email
			if of == Phone {
				n, there = found.phones, h.has(Phone)
			}
			if n < fewUnread {
				continue
			}
			if !there {
				return Unusable("E_HEADER", "the column %q holds %s, the first of them in line %d, and no other column was taken for them; name it %s, or say with `usher columns` what it is", title, whatOf[of], found.line, columnNames[of])
			}
			warnings.add(Warning{"W_COLUMN", fmt.Sprintf("the column %q holds addresses or numbers, and was kept as an attribute", title), n, found.line})
		}
	}
	return nil
}
