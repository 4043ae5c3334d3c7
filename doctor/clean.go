package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
)

// plain is an error without the path that it is about, which may name people.
func plain(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	var address *url.Error
	var late *serviceerror.DeadlineExceeded
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.As(err, &late), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "it hangs: there was no answer in time"
	case errors.As(err, &path):
		return path.Op + ": " + path.Err.Error()
	case errors.As(err, &link):
		return link.Op + ": " + link.Err.Error()
	case errors.As(err, &address):
		return address.Err.Error()
	}
	return grpcWords.ReplaceAllString(err.Error(), "$1")
}

// grpcWords are what gRPC puts around the cause of a connection that fails.
var grpcWords = regexp.MustCompile(`connection error: desc = "(?:transport: )?(.*)"`)

var (
	userInfo = regexp.MustCompile(`://[^/\s@]+@`)
	mailbox  = regexp.MustCompile(`[\pL\pN.!#$%&'*+/=?^_{|}~-]+@[\pL\pN-]+(\.[\pL\pN-]+)*`)
	number   = regexp.MustCompile(`\+\d[\d ()./-]{5,18}\d`)
)

// leastHidden is the length from which on a text is looked for. A shorter secret would
// be found everywhere.
const leastHidden = 8

// cleaner takes out of texts what no one else may see: what it was told, and what looks
// like an address or a number of a person.
type cleaner []string

// newCleaner hides these texts, which are secrets, names of users and paths.
func newCleaner(hide []string) cleaner {
	c := slices.DeleteFunc(slices.Clone(hide), func(s string) bool { return len(s) < leastHidden })
	slices.SortFunc(c, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	return c
}

func (c cleaner) text(s string) string {
	for _, h := range c {
		s = strings.ReplaceAll(s, h, "[hidden]")
	}
	s = userInfo.ReplaceAllString(s, "://")
	s = mailbox.ReplaceAllString(s, "[address]")
	return number.ReplaceAllString(s, "[number]")
}

// facts cleans every text. It goes by way of JSON, so that what is judged here is to
// the letter what a bundle holds.
func (c cleaner) facts(f Facts) (out Facts, err error) {
	b, err := json.Marshal(f)
	if err != nil {
		return out, err
	}
	var v any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return out, err
	}
	if b, err = json.Marshal(c.value(v)); err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}

func (c cleaner) value(v any) any {
	switch v := v.(type) {
	case string:
		return c.text(v)
	case []any:
		for i := range v {
			v[i] = c.value(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[c.text(k)] = c.value(x)
		}
		return out
	}
	return v
}
