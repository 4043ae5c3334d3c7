package table

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Caps of the search for records in a JSON document.
const (
	maxNesting   = 4  // keys around a list
	firstMembers = 10 // elements of a list that are looked at
)

// foundList is a list in a JSON document.
type foundList struct {
	nesting
	records int // of the first elements, how many are records
	others  int
}

// findRecords finds out where in an object the records are, when it is none itself.
// It reads the first document to its end.
func (t *File) findRecords(ctx context.Context, f *os.File) error {
	text, done, err := t.text(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	j := &jsonObjects{window: newWindow(text), format: FormatJSONArray}
	for c := byte('\x1e'); c == '\x1e'; {
		if c, err = j.significant(); err != nil {
			return nil // that there is nothing in it is told elsewhere
		}
		if c == '\x1e' {
			j.pass(1, 0)
		}
	}
	j.pass(1, 0)
	s := &shape{jsonObjects: j}
	o, err := s.object(nil)
	var broken *FileError
	if err != nil && !errors.As(err, &broken) {
		return err
	}
	// What is broken is told when it is read; what was found until then holds.
	next, errNext := j.significant()
	alone := err == nil && errors.Is(errNext, io.EOF)
	if o.address {
		return t.findDocuments(o, next, errNext)
	}
	if o.columns {
		return Unusable("E_JSON_ARRAY", `the file has each column by itself and not each user; write it as a list of objects, with pandas by to_json(orient="records")`)
	}
	// One object in another is a record with something around it, which is opened later.
	lists := slices.DeleteFunc(s.lists, func(l foundList) bool {
		return l.records == 0 || l.each && len(l.path) == 0 && l.records+l.others == 1 || l.each && l.others > l.records || o.named && !(alone && usual(l))
	})
	if slices.ContainsFunc(lists, usual) {
		lists = slices.DeleteFunc(lists, func(l foundList) bool { return !usual(l) })
	}
	switch len(lists) {
	case 0:
		return t.findDocuments(o, next, errNext)
	case 1:
	default:
		return Unusable("E_JSON_ARRAY", "the file has %d lists that hold users; put each in a file of its own", len(lists))
	}
	t.Format, t.nesting = FormatJSONArray, lists[0].nesting
	switch t.nesting.documents = true; {
	case t.nesting.each:
		t.Why += "; its values are the users"
	case usual(lists[0]):
		t.Why += "; the users are in its list " + lists[0].path[len(lists[0].path)-1]
	default:
		t.Why += "; the users are in a list in it"
	}
	return nil
}

// findDocuments recognises objects that follow one another in one line.
func (t *File) findDocuments(o shapeOf, next byte, err error) error {
	if err == nil && o.oneLine && (next == '{' || next == '[' || next == '\x1e') {
		t.nesting.documents, t.Format = true, FormatJSONArray
	}
	return nil
}

// usualLists are the names under which lists of users are common.
var usualLists = strings.Fields("users members people persons accounts customers contacts employees subscribers students participants attendees profiles items results records resources rows data value values list entries hits documents docs")

// usual reports whether a list has a name that is common for one of users.
func usual(l foundList) bool {
	return len(l.path) > 0 && slices.Contains(usualLists, fold(l.path[len(l.path)-1]))
}

// shape looks through one document.
type shape struct {
	*jsonObjects
	lists []foundList
}

// shapeOf is what an object has among its own keys.
type shapeOf struct {
	address bool // an e-mail address or a telephone number
	named   bool // an id or a name
	columns bool // an object or a list of plain values where an address should be
	oneLine bool // it ends in the line in which the next one begins
	objects int  // values that are objects
	records int  // and of those, records
	others  int
}

// object looks through the object whose bracket was read; path are the keys around it.
func (s *shape) object(path []string) (o shapeOf, err error) {
	for {
		c, err := s.significant()
		switch {
		case err != nil:
			return o, s.cutOff(err, "an object is not closed")
		case c == ',':
			s.pass(1, 0)
			continue
		case c == '}':
			s.pass(1, 0)
			if o.records > 0 && o.others == 0 {
				s.lists = append(s.lists, foundList{nesting{path: path, each: true}, o.records, o.objects - o.records})
			}
			line := s.line
			if _, err := s.significant(); err == nil {
				o.oneLine = s.line == line
			}
			return o, nil
		case c != '"':
			return o, s.broken("a key is missing")
		}
		key, c, err := s.key()
		if err != nil {
			return o, err
		}
		column := canonical(key)
		switch {
		case (column == Email || column == Phone) && c == '{' && len(path) == 0:
			o.columns = true
			err = s.skip(c)
		case column == Email || column == Phone:
			o.address = true
			err = s.skip(c)
		case c == '{' && len(path) < maxNesting && len(s.lists) < maxEntries:
			o.objects++
			s.pass(1, 0)
			var in shapeOf
			before := len(s.lists)
			if in, err = s.inner(append(slices.Clone(path), key)); in.address {
				o.records++
				s.lists = s.lists[:before] // lists within a record are its own
			}
		case c == '[' && len(path) < maxNesting && len(s.lists) < maxEntries:
			o.others++
			s.pass(1, 0)
			err = s.list(append(slices.Clone(path), key))
		default:
			o.others++
			o.named = o.named || column >= 0
			err = s.skip(c)
		}
		if err != nil {
			return o, err
		}
	}
}

// inner looks through an object within another one.
func (s *shape) inner(path []string) (shapeOf, error) {
	sub := &shape{jsonObjects: s.jsonObjects}
	o, err := sub.object(path)
	s.lists = append(s.lists, sub.lists...)
	return o, err
}

// list looks at the first elements of a list.
func (s *shape) list(path []string) error {
	l := foundList{nesting: nesting{path: path}}
	j := &jsonObjects{window: s.window}
	j.walk = walk{in: true, first: true}
	for n := 0; ; n++ {
		text, _, err := j.member()
		var broken *FileError
		switch {
		case errors.As(err, &broken), err != nil && !errors.Is(err, errObject) && !errors.Is(err, errLong), text == "":
			s.lists = append(s.lists, l)
			return err
		case n >= firstMembers:
		case err == nil && aboutPerson(text):
			l.records++
		default:
			l.others++
		}
	}
}

// aboutPerson reports whether an object has an address or a number, itself or in one
// of its objects.
func aboutPerson(object string) (yes bool) {
	if !gjson.Valid(object) {
		return false
	}
	gjson.Parse(object).ForEach(func(key, value gjson.Result) bool {
		if c := canonical(key.Str); c == Email || c == Phone {
			yes = true
		} else if value.IsObject() {
			yes = ownsAddress(value)
		}
		return !yes
	})
	return yes
}
