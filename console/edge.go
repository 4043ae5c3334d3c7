package console

import (
	"net"
	"net/http"
	"net/url"

	"usher/event"
)

// edge is the handler around everything else. It refuses names that were made to point
// at this machine, takes the base off, finds out who is behind a proxy, and sets what
// every answer carries.
func (k *Console) edge(next http.Handler) http.Handler {
	bound, _, _ := net.SplitHostPort(k.Listener.Addr().String())
	local := event.Loopback(bound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // no-referrer would make browsers hide the origin of forms, too
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if local && !event.Loopback(hostOf(r)) && !k.site.named(r) {
			k.wrongHost(w, r)
			return
		}
		path, ok := k.site.within(r.URL.Path)
		raw, rawOK := k.site.within(r.URL.RawPath)
		switch {
		case r.URL.Path == k.site.base && k.site.base != "":
			to := url.URL{Path: k.site.base + "/", RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
			return
		case !ok || r.URL.RawPath != "" && !rawOK:
			k.outside(w, r)
			return
		}
		r = k.takeHeaders(r)
		inside := r.WithContext(r.Context())
		inside.URL = new(url.URL)
		*inside.URL = *r.URL
		inside.URL.Path = path
		if rawOK {
			inside.URL.RawPath = raw
		}
		client, untrusted := k.proxies.client(r)
		if untrusted && k.site.url != nil && k.stranger("proxy", "") {
			k.Log.Warn("requests come with X-Forwarded-For from an address that --trusted-proxies does not name, so all of them count as that address")
		}
		inside.RemoteAddr = net.JoinHostPort(client, "0")
		next.ServeHTTP(&outward{ResponseWriter: w, site: k.site}, inside)
	})
}

// outward puts the base before the address to which an answer leads.
type outward struct {
	http.ResponseWriter
	site       site
	redirected bool
}

func (w *outward) WriteHeader(code int) {
	if to := w.Header().Get("Location"); to != "" {
		w.Header().Set("Location", w.site.at(to))
		w.redirected = code >= 300 && code < 400
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write leaves out what a redirect says beside its address: there the address is as it
// was inside.
func (w *outward) Write(b []byte) (int, error) {
	if w.redirected {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *outward) Unwrap() http.ResponseWriter { return w.ResponseWriter }
