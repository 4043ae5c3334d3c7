package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"usher/event"
)

// tellPages keeps live running. After a panic the next changes are told.
func (k *Console) tellPages(ctx context.Context) error {
	for ctx.Err() == nil {
		err := k.guard.Do("telling pages what has changed", func() error { return k.live.run(ctx, k.model) })
		if err != nil && event.Panicked(err) == nil && k.repeats.first("open pages cannot be told what has changed", err) {
			k.Log.Error("open pages cannot be told what has changed", "error", err)
		}
	}
	return nil
}

// livePage is the stream of one open page.
func (k *Console) livePage(w http.ResponseWriter, r *http.Request) {
	ended := k.signins.changed()
	if !k.stillSignedIn(r) { // since a moment ago; what ends later is told
		k.askToSignIn(route{path: r.URL.Path}, w, r)
		return
	}
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("last") // a page cannot set the header
	}
	missed, known, next, ok := k.live.follow(id, sightOf(r.Context()))
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer k.live.leave(next)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies pass each event on
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // the request is read; its time limit would end the stream
	write := func(format string, args ...any) bool {
		_ = c.SetWriteDeadline(time.Now().Add(writeWithin)) // fails only with a connection that fails anyway
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && c.Flush() == nil
	}
	if !write("retry: 2000\n\n") || !known && !write("id: %s\nevent: resync\ndata: {}\n\n", k.live.position()) {
		return
	}
	send := func(e told) bool { return write("id: %s\nevent: changed\ndata: %s\n\n", k.live.id(e.n), e.data) }
	for _, e := range missed {
		if !send(e) {
			return
		}
	}
	beat := time.NewTicker(k.heartbeat)
	defer beat.Stop()
	var again <-chan time.Time
	if whoAsks(r).How == byHeader {
		over := time.NewTimer(headerStream)
		defer over.Stop()
		again = over.C
	}
	for {
		select {
		case e, ok := <-next:
			if !ok || !send(e) { // too far behind: the page comes again with its last event
				return
			}
		case <-ended: // perhaps this one
			ended = k.signins.changed()
			if !k.stillSignedIn(r) {
				write("event: signedout\ndata: {}\n\n")
				return
			}
		case <-beat.C:
			if !k.stillSignedIn(r) {
				write("event: signedout\ndata: {}\n\n")
				return
			}
			if !write(": still there\n\n") {
				return
			}
		case <-again: // the page comes again, by the proxy
			return
		case <-k.stopping:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// stillSignedIn looks whether the session of a request is still open.
func (k *Console) stillSignedIn(r *http.Request) bool {
	if a := whoAsks(r); a.How == byHeader {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		return k.stillVouched(ctx, a)
	}
	cookie, err := r.Cookie(k.sessionsOf(r).Cookie.Name)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if ctx, err = k.sessions.Load(ctx, cookie.Value); err != nil {
		return false
	}
	now, err := k.bySession(ctx)
	return err == nil && now.Name == whoAsks(r).Name
}
