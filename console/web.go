package console

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"usher/event"
	"usher/serve"
)

//go:embed pages
var files embed.FS

// pages are in UTC; zones has those of other readers.
var pages = template.Must(template.New("").Funcs(clocks(time.UTC)).Funcs(template.FuncMap{
	"static":   static.url,
	"status":   statusWords,
	"bulkword": bulkWord,
	"soft":     soft,
	"dict":     dict,
	"grouped":  grouped,
	"size":     size,
	"lines":    func(s string) int { return 1 + strings.Count(s, "\n") },
	"reason":   func(code string) string { return code },
}).ParseFS(files, "pages/*.html"))

var static = loadAssets()

// size is a number of bytes as people read it.
func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1e6:
		return fmt.Sprintf("%.0f kB", float64(bytes)/1e3)
	case bytes < 1e9:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

// dict makes one value of several for a template: a name, its value, and so on.
func dict(pairs ...any) map[string]any {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d[pairs[i].(string)] = pairs[i+1]
	}
	return d
}

// soft lets a long address or id break behind its punctuation.
func soft(s string) template.HTML {
	if len(s) <= 20 {
		return template.HTML(template.HTMLEscapeString(s))
	}
	return template.HTML(breaks.Replace(template.HTMLEscapeString(s)))
}

var breaks = strings.NewReplacer("@", "@<wbr>", ".", ".<wbr>", "_", "_<wbr>", "-", "-<wbr>", "/", "/<wbr>")

// handler is everything that the console serves.
func (k *Console) handler() http.Handler {
	return serve.HTTP(k.guard, "answering a request", k.edge(k.mux()))
}

// ledger adds what PEOPLE says of a user's messages and account. While it is away
// the rest of the page is as true as ever.
func (k *Console) ledger(ctx context.Context, u *User) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	p, _, err := k.Ledger.Get(ctx, u.UserID)
	if err != nil {
		if k.repeats.first("the ledger cannot be read", err) {
			k.Log.Warn("the ledger cannot be read", "error", err)
		}
		u.Away = "What became of the messages cannot be read now; try again in a moment."
		return
	}
	u.Messages, u.Trouble = p.Messages(), p.Trouble
}

// show renders a page whole before it answers.
func (k *Console) show(w http.ResponseWriter, r *http.Request, code int, name string, d map[string]any) {
	a := whoAsks(r)
	d["User0"], d["Role"], d["Inboxes"], d["May"], d["Masked"] = a.Name, a.Role, a.Inboxes, rightsOf(a), sightOf(r.Context()).masked
	d["ByHeader"] = a.How == byHeader
	d["Called"] = cmp.Or(a.Called, a.Name)
	d["Section"], d["Class"], d["Short"] = section(r), "", a.short
	if d["Live"] == nil {
		d["Live"] = k.live.position()
	}
	if d["Rows"] != nil {
		d["Class"] = "desk"
		if d["User"] != nil {
			d["Class"] = "desk one"
		}
	}
	d["Previews"] = k.Previews != nil
	if d["User0"] != "" {
		if k.Paused != nil {
			d["Paused"] = k.Paused()
		}
		waiting, letters, err := k.model.heads(r.Context())
		if err != nil && k.repeats.first("the counts cannot be read", err) {
			k.Log.Error("the counts cannot be read", "error", err)
		}
		d["Waiting"], d["LetterCount"] = waiting, letters
	}
	var b strings.Builder
	t, err := k.zones.in(zoneOf(r), k.withWords)
	if err == nil {
		err = t.ExecuteTemplate(&b, name, d)
	}
	if err != nil {
		k.Log.Error("a page cannot be rendered", "page", name, "error", err)
		http.Error(w, "something went wrong; the log says what", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, k.site.page(b.String()))
}

// section is the part of the console that a page belongs to.
func section(r *http.Request) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if first == "users" && rest == "" && r.URL.Query().Get("status") == string(event.StatusWaiting) {
		return "waiting"
	}
	switch first {
	case "uploads":
		return "imports"
	case "suppressed", "failed", "unknown", "stuck":
		return "deadletters"
	}
	return first
}

// fail answers with a safe sentence; details are in the log only.
func (k *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	c, text := k.tellable(err)
	k.show(w, r, kinds[c].status, "error", map[string]any{"Title": "Error", "Error": text})
}
