package console

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Previewer renders messages as they would be sent, and sends none.
type Previewer interface {
	// Messages lists every purpose with its languages, the fallback first.
	Messages() map[string][]string
	// Preview renders for a user of this name. Its error says what is wrong
	// with the template.
	Preview(purpose, locale, name string) (Message, error)
}

// Message is a rendered one.
type Message struct {
	Purpose, Locale, Version string
	Subject, Text, HTML, SMS string
	Segments, Units          int    // of the text message
	Encoding                 string // gsm7 or ucs2
	Odd                      string // the character that makes it ucs2
}

// sampleName is a name that needs more than ASCII.
const sampleName = "Chloé Martin"

// previewPage shows what users are sent. The name that is asked for stays in the
// address, so that a page can be shared.
func (k *Console) previewPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	messages := k.Previews.Messages()
	purposes := slices.Sorted(maps.Keys(messages))
	purpose, name := q.Get("purpose"), q.Get("name")
	if messages[purpose] == nil {
		purpose = purposes[0]
	}
	if !q.Has("name") {
		name = sampleName
	}
	m, err := k.Previews.Preview(purpose, q.Get("locale"), name)
	d := map[string]any{"Title": "Messages", "Purposes": purposes, "Languages": messages[purpose], "Purpose": purpose, "Name": name}
	if err != nil {
		d["Error"] = err.Error()
	} else {
		d["Message"] = m
		// In an attribute of the page, html/template escapes it as an address.
		d["Frame"] = template.URL("/preview/html?" + url.Values{"purpose": {purpose}, "locale": {m.Locale}, "name": {name}}.Encode())
	}
	h := w.Header()
	h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; frame-src 'self'")
	k.show(w, r, http.StatusOK, "preview", d)
}

// previewHTML is the HTML part alone, for a frame that may do nothing.
func (k *Console) previewHTML(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	m, err := k.Previews.Preview(q.Get("purpose"), q.Get("locale"), q.Get("name"))
	if err != nil {
		http.Error(w, "the message cannot be rendered", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	_, _ = w.Write([]byte(strings.TrimSpace(m.HTML)))
}
