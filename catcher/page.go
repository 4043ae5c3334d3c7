package catcher

import (
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed page.html
var pageSource string

var pages = template.Must(template.New("page").Parse(pageSource))

const perPage = 50

// page lists what came, the newest first.
func (s *web) page(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Query().Get("kind")
	if kind != "email" && kind != "sms" {
		kind = ""
	}
	start := number(r, "start", 0, 1<<30)
	ms, total, err := s.store.list(r.Context(), kind, start, perPage)
	if err != nil {
		fail(w, err)
		return
	}
	d := map[string]any{"Kind": kind, "Messages": ms, "Total": total, "Chaos": s.chaos.hits()}
	if start > 0 {
		d["Newer"] = link(kind, max(0, start-perPage))
	}
	if start+perPage < total {
		d["Older"] = link(kind, start+perPage)
	}
	render(w, "list", d)
}

func link(kind string, start int) string { return "/?kind=" + kind + "&start=" + strconv.Itoa(start) }

// messagePage shows one message.
func (s *web) messagePage(w http.ResponseWriter, r *http.Request) {
	m, err := s.find(r)
	if err != nil {
		fail(w, err)
		return
	}
	render(w, "message", m)
}

// html is the HTML part alone, for a frame in which nothing runs or loads.
func (s *web) html(w http.ResponseWriter, r *http.Request) {
	m, err := s.find(r)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
	_, _ = w.Write([]byte(m.HTML))
}

// raw is the message as it came.
func (s *web) raw(w http.ResponseWriter, r *http.Request) {
	m, err := s.find(r)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(m.Raw)
}

func render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pages.ExecuteTemplate(w, name, data) // the connection is gone
}
