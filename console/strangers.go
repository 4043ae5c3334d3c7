package console

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// strangers remembers what was said of requests that came in a wrong way, so that the
// log says it once for each host. Anyone can send any of them.
type strangers struct {
	mu   sync.Mutex
	said map[string]bool
}

// mostStrangers is how many the log tells one by one.
const mostStrangers = 20

// stranger tells whether the log is to say that a request came in a wrong way.
func (k *Console) stranger(way, host string) bool {
	s := &k.strangers
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said[way+host] || len(s.said) >= mostStrangers {
		return false
	}
	if s.said == nil {
		s.said = map[string]bool{}
	}
	s.said[way+host] = true
	if len(s.said) == mostStrangers {
		k.Log.Warn("requests come under many wrong names; the next line is the last about them")
	}
	return true
}

// plainHost is a host, with its port, that may be repeated to whoever sent it.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]{1,255}$`)

// wrongHost refuses a request under a name that is not the console's.
func (k *Console) wrongHost(w http.ResponseWriter, r *http.Request) {
	host, example := "this host name", "https://usher.example.org/"
	if plainHost.MatchString(r.Host) {
		host, example = "the host name "+hostOf(r), "https://"+r.Host+"/"
	}
	k.refuseStranger(w, r, codeHost, fmt.Sprintf("usher's console is not served under %s: if people are to reach it there, set --console-url to the address that they open, such as %s, and start it again", host, example))
	if host := shown(hostOf(r)); k.stranger("host ", host) {
		k.Log.Warn("requests come under a host name that is not the console's, and are refused; if people open it there, set --console-url to that address", "host", host)
	}
}

// wrongOrigin refuses what a page of another site sends.
func (k *Console) wrongOrigin(w http.ResponseWriter, r *http.Request) {
	origin, example := "another site", "https://usher.example.org/"
	if o := r.Header.Get("Origin"); plainOrigin.MatchString(o) {
		origin, example = o, o+"/"
	}
	text := fmt.Sprintf("pages of %s may not send this to usher's console, which was asked under the host name %s: if people open the console there, set --console-url to the address that they open, such as %s, and start it again", origin, shown(r.Host), example)
	k.refuseStranger(w, r, codeOrigin, text)
	if origin := shown(r.Header.Get("Origin")); k.stranger("origin ", origin) {
		k.Log.Warn("pages of another origin send requests, which are refused; if people open the console there, set --console-url to that address", "host", origin)
	}
}

var plainOrigin = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]{1,255}$`)

// refuseStranger answers a page or a program.
func (k *Console) refuseStranger(w http.ResponseWriter, r *http.Request, c code, text string) {
	if strings.HasPrefix(strings.TrimPrefix(r.URL.Path, k.site.base), "/api/") {
		writeProblem(w, problemOf(r, c, text))
		return
	}
	http.Error(w, text, kinds[c].status)
}

// shown is what a stranger says about itself, as far as it looks like that.
func shown(said string) string {
	if plainHost.MatchString(said) || plainOrigin.MatchString(said) {
		return said
	}
	return "unreadable"
}

// outside answers a request for an address that does not begin with the base.
func (k *Console) outside(w http.ResponseWriter, r *http.Request) {
	if k.site.url == nil { // it is no path at all
		http.NotFound(w, r)
		return
	}
	k.refuseStranger(w, r, codeNoAddress, fmt.Sprintf("usher's console is at %s (--console-url), and this address is outside of it: a proxy has to pass the path on unchanged, with %s/ before the rest", k.site.url, k.site.base))
	if host := shown(hostOf(r)); k.stranger("path ", host) {
		k.Log.Warn("requests come without the path of --console-url, and find nothing; a proxy has to pass the path on unchanged", "host", host)
	}
}
