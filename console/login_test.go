package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
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
	if err := newLogin(kv).ensure(t.Context(), "the next password", nil); err != nil { // as another console does
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
	a := newLogin(kv)
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

// A hash that an earlier version stored is still good; one that cannot be read is
// an error that says how to mend it, and a password that is set replaces it.
func TestStoredHashes(t *testing.T) {
	r := newRig(t)
	kv, err := r.js.KeyValue(t.Context(), event.BucketConsole)
	if err != nil {
		t.Fatal(err)
	}
	store := func(hash string) {
		t.Helper()
		if _, err := kv.Put(t.Context(), loginKey, []byte(hash)); err != nil {
			t.Fatal(err)
		}
	}
	// The salt is 00 to 0f; made with golang.org/x/crypto/argon2 alone.
	store("argon2id.000102030405060708090a0b0c0d0e0f.dfd7535b3454ac256b66b3b3f9e2fc09123df8d74cf3d7b3e8a40876d2f16fa4")
	l := newLogin(kv)
	if err := l.ensure(t.Context(), password, nil); err != nil {
		t.Fatal(err)
	}
	before, err := l.stored(t.Context())
	if err != nil || !strings.HasPrefix(before, "argon2id.") {
		t.Errorf("a hash that was good has been replaced by %q (%v)", before, err)
	}
	if ok, err := l.verify(t.Context(), "c", admin, password); !ok || err != nil {
		t.Errorf("the password of an old hash: %v %v", ok, err)
	}
	if ok, err := l.verify(t.Context(), "c", admin, "another"); ok || err != nil {
		t.Errorf("another password: %v %v", ok, err)
	}
	for _, bad := range []string{"", "argon2id.zz.00", "argon2id.00", "$argon2id$v=19$m=65536,t=3,p=4$AAAA", "$argon2id$v=19$m=65536,t=3,p=4$AAAA$", "$argon2id$v=19$m=65536,t=0,p=4$AAAA$AAAAAAAAAAAAAAAAAAAAAA", "scrypt.00.00"} {
		store(bad)
		if ok, err := l.verify(t.Context(), "with "+bad, admin, password); ok || err == nil || !strings.Contains(err.Error(), "--console-password") {
			t.Errorf("with %q stored: %v, %v", bad, ok, err)
		}
		if err := l.ensure(t.Context(), password, nil); err != nil {
			t.Fatal(err)
		}
		if ok, err := l.verify(t.Context(), "after "+bad, admin, password); !ok || err != nil {
			t.Errorf("after %q was replaced: %v %v", bad, ok, err)
		}
	}
}
