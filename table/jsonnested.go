package table

import (
	"errors"
	"io"
	"strings"
)

// nesting is where in a JSON document the records are.
type nesting struct {
	documents bool     // one after the other, each with records
	path      []string // keys of the objects around the list
	each      bool     // the list is an object, and its values are the records
}

// walk is how far the documents are read.
type walk struct {
	any   bool // a document was read
	level int  // objects around the list that are open
	in    bool // in the list
	first bool // nothing of it was read yet
}

// nested returns the next record of documents in which records are nested, or that
// follow one another. Its results are those of next.
func (j *jsonObjects) nested() (text string, line int, err error) {
	for {
		if j.walk.in {
			text, line, err := j.member()
			if text != "" || err != nil {
				return text, line, err
			}
			j.walk.in = false
		}
		c, err := j.significant()
		if errors.Is(err, io.EOF) && j.walk.level == 0 && j.walk.any {
			return "", 0, io.EOF
		}
		if err != nil {
			return "", 0, j.cutOff(err, "an object is not closed")
		}
		if j.walk.level == 0 {
			if text, line, err := j.document(c); text != "" || err != nil {
				return text, line, err
			}
			continue
		}
		switch c {
		case '}':
			j.pass(1, 0)
			j.walk.level--
		case ',':
			j.pass(1, 0)
		case '"':
			if err := j.descend(); err != nil {
				return "", 0, err
			}
		default:
			return "", 0, j.broken("a key is missing")
		}
	}
}

// document begins with the next document. One that is a record itself is returned.
func (j *jsonObjects) document(c byte) (text string, line int, err error) {
	switch {
	case c == '\x1e' || c == ',' && j.walk.any: // RFC 7464 puts the former before each
		j.pass(1, 0)
		return "", 0, nil
	case c == '{' && len(j.at.path) > 0:
		j.pass(1, 0)
		j.walk.level = 1
	case c == '{' && !j.at.each:
		j.walk.any = true
		return j.value(c)
	case c == '{' || c == '[' && len(j.at.path) == 0 && !j.at.each:
		j.pass(1, 0)
		j.walk.in, j.walk.first = true, true
	case j.walk.any:
		return "", 0, j.broken("something follows the array")
	default:
		return "", 0, j.broken("the array does not begin with its bracket")
	}
	j.walk.any = true
	return "", 0, nil
}

// descend reads a key, and goes into its value or past it.
func (j *jsonObjects) descend() error {
	key, c, err := j.key()
	if err != nil {
		return err
	}
	last := j.walk.level == len(j.at.path)
	switch {
	case key != j.at.path[j.walk.level-1]:
	case !last && c == '{':
		j.pass(1, 0)
		j.walk.level++
		return nil
	case last && (c == '[' && !j.at.each || c == '{' && j.at.each):
		j.pass(1, 0)
		j.walk.in, j.walk.first = true, true
		return nil
	}
	return j.skip(c)
}

// skip passes a value, however long it is.
func (j *jsonObjects) skip(c byte) error {
	if _, _, err := j.value(c); err != nil && !errors.Is(err, errObject) && !errors.Is(err, errLong) {
		return err
	}
	return nil
}

// member returns the next record of the list, and nothing at its end.
func (j *jsonObjects) member() (text string, line int, err error) {
	end := byte(']')
	if j.at.each {
		end = '}'
	}
	c, err := j.significant()
	first := j.walk.first
	j.walk.first = false
	switch {
	case err != nil:
	case c == end:
		j.pass(1, 0)
		return "", 0, nil
	case c == ',' && !first:
		j.pass(1, 0)
		c, err = j.significant()
	case !first:
		return "", 0, j.broken("a comma or the closing bracket is missing")
	}
	if err != nil {
		return "", 0, j.cutOff(err, "the array is not closed")
	}
	key := ""
	if j.at.each {
		if c != '"' {
			return "", 0, j.broken("a key is missing")
		}
		if key, c, err = j.key(); err != nil {
			return "", 0, err
		}
	}
	if c == ',' || c == ']' || c == '}' {
		return "", 0, j.broken("an object is missing")
	}
	text, line, err = j.value(c)
	if err == nil && strings.Trim(key, "0123456789") != "" {
		text = withKey(text, key)
	}
	return text, line, err
}

// keyOf is under which name a record keeps the key that it had in an object of records.
const keyOf = "_key"

// withKey puts the key of a record into it.
func withKey(object, key string) string {
	rest := strings.TrimLeft(object[1:], " \t\r\n")
	comma := ","
	if strings.HasPrefix(rest, "}") {
		comma = ""
	}
	return `{"` + keyOf + `":"` + key + `"` + comma + rest
}

// key reads a key as it stands between its quotes, and returns the first byte of its
// value.
func (j *jsonObjects) key() (key string, value byte, err error) {
	for at := 1; ; {
		t := j.rest()
		end := at
		for end < len(t) && t[end] != '"' {
			if t[end] == '\\' {
				end++
			}
			end++
		}
		if end < len(t) {
			key = strings.Clone(t[1:end])
			j.pass(end+1, lineEnds(t[:end]))
			break
		}
		if len(t) > maxLine {
			return "", 0, j.broken("a key is too long")
		}
		if err := j.more(); err != nil {
			return "", 0, j.cutOff(err, "a key is not closed")
		}
	}
	c, err := j.significant()
	if err == nil && c != ':' {
		return "", 0, j.broken("a colon is missing")
	}
	if err == nil {
		j.pass(1, 0)
		c, err = j.significant()
	}
	return key, c, j.cutOff(err, "a value is missing")
}

// cutOff is the error of a document that ends where it may not.
func (j *jsonObjects) cutOff(err error, what string) error {
	if errors.Is(err, io.EOF) {
		return j.broken(what + "; was the file cut off?")
	}
	return err
}
