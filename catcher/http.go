package catcher

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"usher/event"
)

// web answers on the HTTP port.
type web struct {
	store *store
	chaos *Chaos
}

func newHTTP(s *store, chaos *Chaos, addr string) http.Handler {
	w := &web{s, chaos}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/messages", w.listMail)
	mux.HandleFunc("DELETE /api/v1/messages", w.clear)
	mux.HandleFunc("DELETE /api/v1/search", w.clearFor)
	mux.HandleFunc("GET /api/v1/message/{id}", w.getMail)
	mux.HandleFunc("POST /2010-04-01/Accounts/{sid}/Messages.json", w.takeSMS)
	mux.HandleFunc("GET /2010-04-01/Accounts/{sid}/Messages.json", w.listSMS)
	mux.HandleFunc("GET /2010-04-01/Accounts/{file}", showAccount)
	mux.HandleFunc("GET /api/v1/chaos", w.listChaos)
	mux.HandleFunc("GET /{$}", w.page)
	mux.HandleFunc("GET /message/{id}", w.messagePage)
	mux.HandleFunc("GET /message/{id}/html", w.html)
	mux.HandleFunc("GET /message/{id}/raw", w.raw)
	var h http.Handler = mux
	h = http.NewCrossOriginProtection().Handler(h)
	return guard(addr, h)
}

// showAccount answers whether an account is there, as Twilio does: every one is.
func showAccount(w http.ResponseWriter, r *http.Request) {
	sid, ok := strings.CutSuffix(r.PathValue("file"), ".json")
	if !ok {
		http.NotFound(w, r)
		return
	}
	respond(w, http.StatusOK, map[string]string{"sid": sid, "status": "active", "friendly_name": "usher's catcher"})
}

// guard refuses requests that a browser was tricked into: a foreign name that
// resolves to this machine. It sets what every answer carries.
func guard(addr string, next http.Handler) http.Handler {
	bound, _, _ := net.SplitHostPort(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != bound && !event.Loopback(host) {
			http.Error(w, "this host name is not served here", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
		next.ServeHTTP(w, r)
	})
}

func respond(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	if errors.Is(err, errNone) {
		code = http.StatusNotFound
	}
	respond(w, code, map[string]string{"Error": err.Error()})
}

// number reads a query parameter, within bounds.
func number(r *http.Request, name string, otherwise, most int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return min(n, most)
}

// address and the types below have the field names of Mailpit's API.
type address struct {
	Name    string
	Address string
}

type summary struct {
	ID        string
	MessageID string
	From      address
	To        []address
	Subject   string
	Created   time.Time
	Size      int
	Snippet   string
}

func summarise(m message) summary {
	return summary{
		ID: strconv.FormatInt(m.ID, 10), MessageID: m.Ref, From: address{Address: m.From}, To: []address{{Address: m.To}},
		Subject: m.Subject, Created: m.At, Size: len(m.Raw), Snippet: short(m.Text, 200),
	}
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func (s *web) listMail(w http.ResponseWriter, r *http.Request) {
	start := number(r, "start", 0, 1<<30)
	ms, total, err := s.store.list(r.Context(), "email", start, number(r, "limit", 50, 1000))
	if err != nil {
		fail(w, err)
		return
	}
	out := make([]summary, len(ms))
	for i, m := range ms {
		out[i] = summarise(m)
	}
	respond(w, http.StatusOK, map[string]any{
		"total": total, "messages_count": total, "unread": total, "count": len(out), "start": start, "messages": out,
	})
}

func (s *web) getMail(w http.ResponseWriter, r *http.Request) {
	m, err := s.find(r)
	if err != nil || m.Kind != "email" {
		fail(w, errors.Join(err, errNone))
		return
	}
	respond(w, http.StatusOK, struct {
		summary
		Date time.Time
		Text string
		HTML string
	}{summarise(m), m.At, m.Text, m.HTML})
}

func (s *web) find(r *http.Request) (message, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return message{}, errNone
	}
	return s.store.get(r.Context(), id)
}

// clearFor is Mailpit's delete by search, of which it knows one: to:"RECIPIENT",
// for e-mail and text messages alike.
func (s *web) clearFor(w http.ResponseWriter, r *http.Request) {
	recipient, ok := strings.CutPrefix(r.URL.Query().Get("query"), "to:")
	if recipient = strings.Trim(recipient, `"`); !ok || recipient == "" {
		respond(w, http.StatusBadRequest, map[string]string{"Error": `the only search is to:"RECIPIENT"`})
		return
	}
	if err := s.store.clearFor(r.Context(), recipient); err != nil {
		fail(w, err)
		return
	}
	respond(w, http.StatusOK, "ok")
}

func (s *web) clear(w http.ResponseWriter, r *http.Request) {
	if err := s.store.clear(r.Context()); err != nil {
		fail(w, err)
		return
	}
	_, _ = w.Write([]byte("ok"))
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// takeSMS takes a text message as Twilio does.
func (s *web) takeSMS(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	refuse := func(code int, text string) {
		respond(w, http.StatusBadRequest, map[string]any{"code": code, "message": text, "status": http.StatusBadRequest, "more_info": ""})
	}
	if err := r.ParseForm(); err != nil {
		refuse(20001, "the form cannot be read")
		return
	}
	to, body := r.PostForm.Get("To"), r.PostForm.Get("Body")
	switch {
	case to == "":
		refuse(21604, "A 'To' phone number is required.")
		return
	case !e164.MatchString(to):
		refuse(21211, "Invalid 'To' Phone Number")
		return
	case body == "":
		refuse(21602, "Message body is required.")
		return
	}
	f := s.chaos.draw(phaseSMS, to)
	if f != nil && !f.keeps() {
		s.misbehave(w, r, f)
		return
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		fail(w, err)
		return
	}
	m := message{Kind: "sms", Ref: "SM" + hex.EncodeToString(id[:]), From: r.PostForm.Get("From"), To: to, Text: body, At: time.Now()}
	if _, err := s.store.add(r.Context(), m); err != nil {
		fail(w, err)
		return
	}
	if f != nil && s.misbehave(w, r, f) {
		return
	}
	respond(w, http.StatusCreated, sms(m, r.PathValue("sid"), "queued"))
}

// keeps reports whether a text message is taken in spite of the fault.
func (f *fault) keeps() bool { return f.taken || f.kind == "lost" || f.kind == "slow" }

// misbehave does what f says in place of an answer. It returns false when the
// answer is only late.
func (s *web) misbehave(w http.ResponseWriter, r *http.Request, f *fault) (done bool) {
	switch f.kind {
	case "code":
		if f.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.retryAfter.Seconds())))
		}
		code := map[int]int{http.StatusTooManyRequests: 20429, http.StatusUnauthorized: 20003}[f.code]
		respond(w, f.code, map[string]any{"code": cmp.Or(code, 20500), "message": "chaos", "status": f.code, "more_info": ""})
		return true
	case "slow":
		if event.Sleep(r.Context(), f.delay) {
			return false
		}
	case "hang":
		<-r.Context().Done() // until the client has had enough
	}
	panic(http.ErrAbortHandler) // closes the connection without an answer
}

// listChaos tells which faults are made, and how often they have happened.
func (s *web) listChaos(w http.ResponseWriter, _ *http.Request) {
	hits := s.chaos.hits()
	if hits == nil {
		hits = []Hit{}
	}
	respond(w, http.StatusOK, map[string]any{"rules": hits})
}

// sms is a message with the field names of Twilio's API.
func sms(m message, account, status string) map[string]any {
	at := m.At.UTC().Format(time.RFC1123Z)
	return map[string]any{
		"sid": m.Ref, "account_sid": account, "from": m.From, "to": m.To, "body": m.Text, "status": status,
		"direction": "outbound-api", "num_segments": "1", "num_media": "0", "price": nil, "price_unit": "USD", "error_code": nil, "error_message": nil,
		"date_created": at, "date_updated": at, "date_sent": nil, "api_version": "2010-04-01", "messaging_service_sid": nil,
		"uri": "/2010-04-01/Accounts/" + account + "/Messages/" + m.Ref + ".json", "subresource_uris": map[string]string{},
	}
}

func (s *web) listSMS(w http.ResponseWriter, r *http.Request) {
	size, page := max(1, number(r, "PageSize", 50, 1000)), number(r, "Page", 0, 1<<20)
	ms, total, err := s.store.list(r.Context(), "sms", page*size, size)
	if err != nil {
		fail(w, err)
		return
	}
	account := r.PathValue("sid")
	out := make([]map[string]any, len(ms))
	for i, m := range ms {
		out[i] = sms(m, account, "delivered")
	}
	uri := func(page int) string {
		return "/2010-04-01/Accounts/" + account + "/Messages.json?PageSize=" + strconv.Itoa(size) + "&Page=" + strconv.Itoa(page)
	}
	var next, previous any
	if (page+1)*size < total {
		next = uri(page + 1)
	}
	if page > 0 {
		previous = uri(page - 1)
	}
	respond(w, http.StatusOK, map[string]any{
		"messages": out, "page": page, "page_size": size, "start": page * size, "end": page*size + len(out) - 1, "total": total,
		"uri": uri(page), "first_page_uri": uri(0), "next_page_uri": next, "previous_page_uri": previous,
	})
}
