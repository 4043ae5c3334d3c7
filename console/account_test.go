package console

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"usher/event"
)

// A new password ends the old one everywhere at once: in consoles that took it a
// moment ago, and in the sessions that it opened.
func TestAnOldPasswordIsOver(t *testing.T) {
	r := newRig(t)
	r.run()
	c := browser(t)
	if resp, _ := page(t, c, "POST", r.base+"/signin", url.Values{"user": {admin}, "password": {password}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("signed in: %d", resp.StatusCode)
	}
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusOK {
		t.Fatalf("with a session: %d", resp.StatusCode)
	}
	if code := r.api("GET", "/api/v1/users", "", nil); code != http.StatusOK {
		t.Fatalf("with the password: %d", code)
	}
	kv, err := r.js.KeyValue(t.Context(), event.BucketConsole)
	if err != nil {
		t.Fatal(err)
	}
	if err := newAccounts(kv).ensure(t.Context(), "the next password", nil); err != nil { // as another console does
		t.Fatal(err)
	}
	if code := r.api("GET", "/api/v1/users", "", nil); code != http.StatusUnauthorized {
		t.Errorf("with the old password: %d", code)
	}
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("with a session of the old password: %d", resp.StatusCode)
	}
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {admin}, "password": {"the next password"}})
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("with a session of the new password: %d", resp.StatusCode)
	}
}

// Guesses at once are as slow as guesses one after the other.
func TestManyGuessesAtOnceAreSlowed(t *testing.T) {
	r := newRig(t)
	kv, err := r.js.KeyValue(t.Context(), event.BucketConsole)
	if err != nil {
		t.Fatal(err)
	}
	a := newAccounts(kv)
	if err := a.ensure(t.Context(), password, nil); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	checked := 0
	for range 30 {
		wg.Go(func() {
			ok, err := a.verify(t.Context(), "c", admin, "guess")
			if ok || err != nil && !errors.Is(err, errSlow) {
				t.Errorf("a guess: %v %v", ok, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				checked++
			}
		})
	}
	wg.Wait()
	if checked > 6 { // 4, and those that came when the first wait was over
		t.Errorf("%d of 30 guesses at once were checked", checked)
	}
}
