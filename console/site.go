package console

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// site is where people reach the console: the only place that knows its address. Inside
// of it all addresses are as if the console stood alone at the root of its host: routes,
// pages, redirects and what a sign-in leads to. The edge takes the base off what comes
// in, and puts it before what goes out, so that no page can forget it.
type site struct {
	url  *url.URL // nil: whatever name a request has
	base string   // the path before every address, without a slash at its end; "" for none
}

// ParseURL reads the address under which people reach a console. Its error says what is
// wrong with it, and how to write it.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it cannot be read as an address; give one such as https://usher.example.org/")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("it begins with https:// and the host, such as https://usher.example.org/")
	case u.User != nil:
		return nil, errors.New("leave out what stands before the @: a name and a password do not belong in a link")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("leave out what begins with ? or #; the path is all that may follow the host")
	case u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return nil, errors.New("the host or its port is missing; give an address such as https://usher.example.org/")
	}
	if ascii, err := idna.Lookup.ToASCII(u.Hostname()); err != nil && net.ParseIP(u.Hostname()) == nil {
		return nil, fmt.Errorf("%q is not the name of a host", u.Hostname())
	} else if err == nil && !strings.EqualFold(ascii, u.Hostname()) {
		return nil, fmt.Errorf("write the host as browsers send it: %s", ascii)
	}
	if !basePath.MatchString(strings.TrimSuffix(u.Path, "/")) {
		return nil, errors.New("the path is made of names of A-Z, a-z, 0-9, dot, _, ~ and - with one slash before each, such as /base/")
	}
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	} else {
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	return u, nil
}

// basePath is what may stand between the host and the console's own addresses: what no
// one writes in two ways. A name of dots alone would be another folder.
var basePath = regexp.MustCompile(`^(/\.*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

func newSite(address string) (site, error) {
	if address == "" {
		return site{}, nil
	}
	u, err := ParseURL(address)
	if err != nil {
		return site{}, fmt.Errorf("the console's address: %w", err)
	}
	return site{u, strings.TrimSuffix(u.Path, "/")}, nil
}

// at is an address of the console as a browser has to ask for it.
func (s site) at(path string) string {
	if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") {
		return s.base + path
	}
	return path
}

// within takes the base off a path that a browser has asked for.
func (s site) within(path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, s.base)
	return rest, ok && strings.HasPrefix(rest, "/")
}

// links are the attributes of pages that hold addresses of the console.
var links = []string{"href", "action", "src", "data-filter"}

// page is a rendered page with its links as a browser has to follow them. What people
// have written cannot look like one: a quote in it is escaped.
func (s site) page(html string) string {
	if s.base == "" {
		return html
	}
	var pairs []string
	for _, l := range links {
		pairs = append(pairs, " "+l+`="/`, " "+l+`="`+s.base+"/")
	}
	return strings.NewReplacer(pairs...).Replace(html)
}

// origin is what a browser says about pages of the console.
func (s site) origin() string {
	if s.url == nil {
		return ""
	}
	return s.url.Scheme + "://" + s.url.Host
}

// named tells whether a request names the host of the site, whatever the port.
func (s site) named(r *http.Request) bool {
	return s.url != nil && strings.EqualFold(hostOf(r), s.url.Hostname())
}

// hostOf is the host that a request names.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	return strings.TrimSuffix(host, ".")
}

// https tells whether people reach the site by https.
func (s site) https() bool { return s.url != nil && s.url.Scheme == "https" }
