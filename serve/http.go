package serve

import (
	"net/http"

	"usher/event"
)

// HTTP is next with its panics stopped. The request is answered with 500 when
// nothing was written yet; otherwise the connection ends, so that no client takes
// half an answer for a whole one.
func HTTP(g event.Guard, where string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &written{ResponseWriter: w}
		var abort any
		err := g.Do(where, func() error {
			defer func() {
				if p := recover(); p == http.ErrAbortHandler { // how a handler ends the connection
					abort = p
				} else if p != nil {
					panic(p)
				}
			}()
			next.ServeHTTP(seen, r)
			return nil
		})
		switch {
		case abort != nil, err != nil && seen.any:
			panic(http.ErrAbortHandler)
		case err != nil:
			http.Error(w, "usher failed to answer; the log says more", http.StatusInternalServerError)
		}
	})
}

// written notes whether anything was answered.
type written struct {
	http.ResponseWriter
	any bool
}

func (w *written) WriteHeader(code int) {
	w.any = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *written) Write(b []byte) (int, error) {
	w.any = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *written) Unwrap() http.ResponseWriter { return w.ResponseWriter }
