package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"usher/console/logins"
	"usher/event"
)

// A new password ends the old one everywhere at once: in consoles that took it a
// moment ago, and in the sessions that it opened.
func TestAnOldPasswordIsOver(t *testing.T) {
	r := newRig(t)
	r.run()
	c := browser(t)
	if resp, _ := page(t, c, "POST", r.base+"/signin", url.Values{"user": {logins.First}, "password": {password}}); resp.StatusCode != http.StatusSeeOther {
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
	if err := newLogin(kv).store.Ensure(t.Context(), "the next password", nil); err != nil { // as another console does
		t.Fatal(err)
	}
	if code := r.api("GET", "/api/v1/users", "", nil); code != http.StatusUnauthorized {
		t.Errorf("with the old password: %d", code)
	}
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("with a session of the old password: %d", resp.StatusCode)
	}
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {logins.First}, "password": {"the next password"}})
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
	if err := a.store.Ensure(t.Context(), password, nil); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	checked := 0
	for range 30 {
		wg.Go(func() {
			_, ok, err := a.signIn(t.Context(), attempt{client: "c", user: logins.First, password: "guess"})
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
		if err := kv.Purge(t.Context(), logins.Key); err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), logins.EarlierKey, []byte(hash)); err != nil {
			t.Fatal(err)
		}
	}
	// The salt is 00 to 0f; made with golang.org/x/crypto/argon2 alone.
	store("argon2id.000102030405060708090a0b0c0d0e0f.dfd7535b3454ac256b66b3b3f9e2fc09123df8d74cf3d7b3e8a40876d2f16fa4")
	l := newLogin(kv)
	if err := l.store.Ensure(t.Context(), password, nil); err != nil {
		t.Fatal(err)
	}
	all, err := l.store.Read(t.Context())
	if err != nil || len(all.Logins) != 1 || !strings.HasPrefix(all.Logins[0].Password, "argon2id.") {
		t.Errorf("a hash that was good has been replaced: %+v (%v)", all, err)
	}
	if _, ok, err := l.signIn(t.Context(), attempt{client: "c", user: logins.First, password: password}); !ok || err != nil {
		t.Errorf("the password of an old hash: %v %v", ok, err)
	}
	if _, ok, err := l.signIn(t.Context(), attempt{client: "c", user: logins.First, password: "another"}); ok || err != nil {
		t.Errorf("another password: %v %v", ok, err)
	}
	for _, bad := range []string{"", "argon2id.zz.00", "argon2id.00", "$argon2id$v=19$m=65536,t=3,p=4$AAAA", "$argon2id$v=19$m=65536,t=3,p=4$AAAA$", "$argon2id$v=19$m=65536,t=0,p=4$AAAA$AAAAAAAAAAAAAAAAAAAAAA", "scrypt.00.00"} {
		store(bad)
		if _, ok, err := l.signIn(t.Context(), attempt{client: "with " + bad, user: logins.First, password: password}); ok || err == nil || !strings.Contains(err.Error(), "--console-password") {
			t.Errorf("with %q stored: %v, %v", bad, ok, err)
		}
		if err := l.store.Ensure(t.Context(), password, nil); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := l.signIn(t.Context(), attempt{client: "after " + bad, user: logins.First, password: password}); !ok || err != nil {
			t.Errorf("after %q was replaced: %v %v", bad, ok, err)
		}
	}
}

// How long a sign-in takes does not tell which names there are: whatever there is under a
// name, a password waits for a check, and is checked once at the same cost.
func TestUnknownNamesTakeAsLong(t *testing.T) {
	r := newRig(t)
	r.run()
	for _, name := range []string{"known", "disabled"} {
		r.login(name, logins.Viewer)
	}
	l := r.console.login
	_, err := l.store.Admit(t.Context(), logins.Voucher{By: "https://id.example.org", Subject: "s-1"}, logins.Viewer, nil)
	if err := errors.Join(err, l.store.Disable(t.Context(), "disabled", true), l.store.Add(t.Context(), "invited", logins.Viewer, nil, "test")); err != nil {
		t.Fatal(err)
	}
	all, err := l.store.Read(t.Context())
	known, ok := all.Login("known")
	if err != nil || !ok {
		t.Fatal(err)
	}
	cost, _, _, err := argon2id.DecodeHash(known.Password)
	if err != nil {
		t.Fatal(err)
	}
	var checked []string
	l.matches = func(hash, password string) (bool, error) {
		checked = append(checked, hash)
		return logins.Matches(hash, password)
	}
	guess := func(ctx context.Context, name string) error {
		_, ok, err := l.signIn(ctx, attempt{client: "c", user: name, password: "guess"})
		if ok {
			t.Errorf("%q is let in", name)
		}
		return err
	}
	// waits is how a guess ends while others hold all checks: it gives up waiting, unless
	// it never came so far.
	waits := func(name string) (err error) {
		if err := l.checks.Acquire(t.Context(), mostChecks); err != nil {
			t.Fatal(err)
		}
		defer l.checks.Release(mostChecks)
		for d := 20 * time.Millisecond; ; d *= 2 {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			err = guess(ctx, name)
			cancel()
			if err == nil || !strings.Contains(err.Error(), "read the stored accounts") {
				return err
			}
		}
	}
	for _, name := range []string{"known", "disabled", "invited", "oidc.s-1", "unknown", ""} {
		l.failures.Purge()
		checked = nil
		if err := waits(name); !errors.Is(err, context.DeadlineExceeded) || len(checked) > 0 {
			t.Errorf("%q does not wait for a check: %v, %v", name, err, checked)
		}
		if err := guess(t.Context(), name); err != nil || len(checked) != 1 {
			t.Errorf("%q is checked %d times: %v", name, len(checked), err)
			continue
		}
		if got, _, _, err := argon2id.DecodeHash(checked[0]); err != nil || *got != *cost {
			t.Errorf("%q is checked at the cost %+v, a name that there is at %+v: %v", name, got, cost, err)
		}
	}
}

// Guesses at an account from many addresses are slowed, and lock no one out: a browser
// that has signed in before signs in at once, and others wait for seconds at most. It is
// known by what only a sign-in with the present password gives.
func TestGuessesLockNoOneOut(t *testing.T) {
	r := newRig(t)
	r.run()
	r.login("ann", logins.Viewer)
	c := r.signedAs("ann")
	u, _ := url.Parse(r.base + "/signin")
	kept := ""
	for _, cookie := range c.Jar.Cookies(u) {
		if cookie.Name == browserCookie {
			kept = cookie.Value
		}
	}
	l := newLogin(r.console.signins.kv) // of another console, which remembers nothing of ann
	slow := 0
	for i := range 12 {
		_, ok, err := l.signIn(t.Context(), attempt{client: fmt.Sprint("203.0.113.", i), user: "ann", password: "guess"})
		if ok || err != nil && !errors.Is(err, errSlow) {
			t.Fatal(ok, err)
		}
		if err != nil {
			slow++
		}
	}
	if slow == 0 {
		t.Error("guesses from many addresses are not slowed")
	}
	try := func(browser, password string) error {
		_, ok, err := l.signIn(t.Context(), attempt{client: "203.0.113.1", user: "ann", password: password, browser: browser})
		if err == nil && !ok {
			return errors.New("wrong")
		}
		return err
	}
	forged := browserProof(logins.Login{Name: "ann", Password: "another hash"}, "id")
	for what, browser := range map[string]string{"no": "", "an invented": "id.AAAA", "a forged": forged, "another account's": newBrowser(logins.Login{Name: "ben"})} {
		if err := try(browser, password); !errors.Is(err, errSlow) {
			t.Errorf("with %s proof: %v", what, err)
		}
	}
	if err := try(kept, password); err != nil {
		t.Errorf("in a known browser: %v", err)
	}
	slow = 0
	for range 12 {
		if errors.Is(try(kept, "guess"), errSlow) {
			slow++
		}
	}
	if slow == 0 {
		t.Error("guesses in a known browser are not slowed")
	}
	l.failures.Purge()
	for range 12 {
		_, _, _ = l.signIn(t.Context(), attempt{client: "2001:db8::1", user: "none", password: "guess"})
	}
	if _, _, err := l.signIn(t.Context(), attempt{client: "2001:db8::2", user: "other", password: "guess"}); !errors.Is(err, errSlow) {
		t.Errorf("the next address of the same network: %v", err)
	}
}
