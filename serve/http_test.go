package serve

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/event"
)

// A panic in a handler is told to the guard, and the client gets an answer when
// none was begun; the value of the panic is shown to no one.
func TestAPanicInAHandlerIsAnswered(t *testing.T) {
	var told []string
	guard := event.Guard(func(p *event.PanicError) { told = append(told, p.Where+" "+p.Kind) })
	var written strings.Builder
	s := httptest.NewUnstartedServer(HTTP(guard, "answering", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/half":
			_, _ = io.WriteString(w, strings.Repeat("x", 10<<10)) // more than is held back
			panic("ann@example.org")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/panic":
			panic("ann@example.org")
		}
		_, _ = io.WriteString(w, "fine")
	})))
	s.Config.ErrorLog = log.New(&written, "", 0)
	s.Start()
	get := func(path string) (code int, body string, err error) {
		r, err := http.Get(s.URL + path)
		if err != nil {
			return 0, "", err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		return r.StatusCode, string(b), err
	}
	if code, body, err := get("/panic"); code != http.StatusInternalServerError || strings.Contains(body, "ann@") || err != nil {
		t.Errorf("a panic is answered %d %q %v", code, body, err)
	}
	if code, body, err := get("/"); code != http.StatusOK || body != "fine" || err != nil {
		t.Errorf("after it: %d %q %v", code, body, err)
	}
	for _, path := range []string{"/half", "/abort"} {
		if _, _, err := get(path); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: the client takes the answer for whole: %v", path, err)
		}
	}
	s.Close()
	if got := strings.Join(told, ", "); got != "answering string, answering string" {
		t.Errorf("the guard was told of %q", got)
	}
	if written.Len() > 0 {
		t.Errorf("Go's server says %q", written.String())
	}
}
