package console

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/console/logins"
	"usher/console/signon"
	"usher/event"
)

// People whom an issuer vouches for. The browser keeps what belongs to a sign-in that it
// has begun, in a cookie, so that one console may begin it and another one end it, and so
// that strangers fill no store.

// signOnPath is where a sign-in begins (POST), and where the issuer's answer comes (GET).
const signOnPath = "/signin/oidc"

// What a session that an issuer vouches for holds as well.
const (
	sessionIssued  = "issued"  // the issuer's own session
	sessionVouched = "vouched" // when it vouched, by its clock, in seconds
	sessionToken   = "token"   // the ID token, with which a sign-out is asked for
)

// signOnCookie holds a begun.
const signOnCookie = "usher_signon"

// begun is a sign-in on its way.
type begun struct {
	signon.Attempt
	Next  string `json:"next"`
	Draft draft  `json:"draft,omitzero"` // what was typed when the session was over
}

const firstLook = 5 * time.Second // that a sign-in waits for it

const mostBegun = 3800 // bytes of a cookie that every browser keeps

// signOnCookieOf is the cookie of a request, as it is set and taken away.
func (k *Console) signOnCookieOf(https bool) *http.Cookie {
	c := &http.Cookie{Name: signOnCookie, Path: k.site.at("/signin"), HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 15 * 60}
	if https {
		c.Name, c.Path, c.Secure = hostPrefix+signOnCookie+strings.ReplaceAll(k.site.base, "/", "."), "/", true
	}
	return c
}

// signOnCame tells whether a request has the cookie that was set over https: the way back
// from the issuer brings no Origin.
func (k *Console) signOnCame(r *http.Request) bool {
	_, err := r.Cookie(k.signOnCookieOf(true).Name)
	return err == nil
}

// answersAt is the address that the issuer knows usher by.
func (k *Console) answersAt() string { return k.site.origin() + k.site.at(signOnPath) }

// beginSignOn leads to the issuer. A redirect of a form would need the issuer, and every
// place that it leads on to, in the policy of the page.
func (k *Console) beginSignOn(w http.ResponseWriter, r *http.Request) {
	b := begun{Next: local(r.PostFormValue("next")), Draft: keptIn(r)}
	again := func(code int, text string) {
		k.signInForm(w, r, code, map[string]any{"Next": b.Next, "Draft": b.Draft, "Error": text})
	}
	if !k.site.named(r) && r.Header.Get("Origin") != k.site.origin() {
		again(http.StatusMisdirectedRequest, "Signing in by "+k.Issuer.Host()+" works at "+k.site.origin()+k.site.at("/")+" only. Open that address.")
		return
	}
	first, cancel := context.WithTimeout(r.Context(), firstLook)
	defer cancel()
	k.Issuer.Looked(first) // just after the start it is not away, only not known yet
	to, attempt, err := k.Issuer.Begin(k.answersAt())
	if err != nil {
		again(http.StatusServiceUnavailable, k.awayText())
		return
	}
	b.Attempt = attempt
	value := b.encode()
	if len(value) > mostBegun {
		b.Draft = draft{}
		value = b.encode()
	}
	c := k.signOnCookieOf(k.site.https())
	c.Value = value
	http.SetCookie(w, c)
	k.show(w, r, http.StatusOK, "onward", map[string]any{"To": to, "Host": k.Issuer.Host()})
}

func (b begun) encode() string {
	j, err := json.Marshal(b)
	if err != nil {
		panic("console: texts can be marshalled: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(j)
}

// begunIn is the sign-in that the browser of a request has begun.
func (k *Console) begunIn(r *http.Request) (b begun, ok bool) {
	c, err := r.Cookie(k.signOnCookieOf(k.site.https()).Name)
	if err != nil {
		return b, false
	}
	j, err := base64.RawURLEncoding.DecodeString(c.Value)
	return b, err == nil && json.Unmarshal(j, &b) == nil
}

func (k *Console) awayText() string {
	text := k.Issuer.Host() + " cannot be reached now. Try again in a moment"
	if !k.NoLocalAccounts {
		text += ", or sign in with the password of an account"
	}
	return text + "."
}

// endSignOn takes the issuer's answer, once: the cookie is gone afterwards.
func (k *Console) endSignOn(w http.ResponseWriter, r *http.Request) {
	b, ok := k.begunIn(r)
	gone := k.signOnCookieOf(k.site.https())
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	q := r.URL.Query()
	again := func(code int, text string) {
		k.signInForm(w, r, code, map[string]any{"Next": local(b.Next), "Draft": b.Draft, "Error": text})
	}
	refused := func(code int, actor, reason, text string) {
		k.audit(r.Context(), "signin-failed", actor, map[string]string{"client": clientOf(r), "by": byIssuer, "reason": reason})
		again(code, text)
	}
	if !ok || !k.Issuer.Answers(b.Attempt, q) {
		if whoAsks(r).Name != "" { // the answer was opened twice
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		b = begun{}
		again(http.StatusBadRequest, "This sign-in was begun in another browser, was used already, or took too long. Begin again.")
		return
	}
	// The cookie is whatever the browser says: a forged one with a state to match would have
	// the issuer asked and the trail written to as often as someone likes.
	counters := []counter{{"client " + network(clientOf(r)), longestClient}}
	if !k.login.try(counters) {
		again(http.StatusTooManyRequests, "Too many failed sign-ins. Wait a moment and begin again.")
		return
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		text := "The sign-in at " + k.Issuer.Host() + " did not succeed."
		if q.Get("error") == "access_denied" {
			text = k.Issuer.Host() + " did not let you in, or you went back."
		}
		refused(http.StatusUnauthorized, "", "issuer", text+" Begin again.")
		return
	}
	p, err := k.Issuer.Finish(r.Context(), b.Attempt, q.Get("code"), k.answersAt())
	if err != nil {
		if k.repeats.first("a sign-in by the issuer failed", err) {
			k.Log.Warn("a sign-in by the issuer failed", "error", err)
		}
		if errors.Is(err, signon.ErrAway) {
			again(http.StatusServiceUnavailable, k.awayText())
			return
		}
		refused(http.StatusUnauthorized, "", "token", "What "+k.Issuer.Host()+" answered is not good; the log says why. Begin again.")
		return
	}
	name := logins.PersonName(k.Issuer.URL, p.Subject)
	role, inboxes, ok := logins.ScopeOf(k.Grants, p.Groups)
	if !ok {
		if err := k.login.store.Dismiss(r.Context(), k.Issuer.URL, p.Subject); err != nil {
			k.fail(w, r, err)
			return
		}
		refused(http.StatusForbidden, name, "group", "You are known to "+k.Issuer.Host()+", and none of your groups may do anything here. "+namedGroups(p.Groups)+" Ask those who run usher; you are "+name+".")
		return
	}
	l, err := k.login.store.Admit(r.Context(), logins.Voucher{By: k.Issuer.URL, Subject: p.Subject, Called: p.Called}, role, inboxes)
	var no logins.Refusal
	switch {
	case errors.As(err, &no):
		refused(http.StatusForbidden, name, "account", sentence(err))
		return
	case err != nil:
		k.fail(w, r, err)
		return
	case l.Disabled:
		refused(http.StatusForbidden, name, "disabled", "Your account here is disabled. Ask those who run usher; you are "+name+".")
		return
	}
	k.login.succeeded(counters)
	if err := k.openSession(w, r, l); err != nil {
		k.fail(w, r, err)
		return
	}
	k.sessions.Put(r.Context(), sessionIssued, p.Session)
	k.sessions.Put(r.Context(), sessionVouched, p.Vouched.Unix())
	if len(p.Token) <= signon.MostToken {
		k.sessions.Put(r.Context(), sessionToken, p.Token)
	}
	k.sessions.SetDeadline(r.Context(), time.Now().Add(cmp.Or(k.IssuedFor, LongestSession)).UTC())
	if event.CheckUserID(b.Draft.UserID) == nil {
		k.keepDraft(r, b.Draft)
	}
	k.audit(r.Context(), "signin", l.Name, map[string]string{"client": clientOf(r), "by": byIssuer, "role": string(role), "inboxes": strings.Join(inboxes, " ")})
	http.Redirect(w, r, local(b.Next), http.StatusSeeOther)
}

// namedGroups are those that the issuer names, for people to compare them with
// --group-role.
func namedGroups(groups []string) string {
	const most, longest = 20, 100
	if len(groups) == 0 {
		return "It names no groups of yours."
	}
	shown := make([]string, 0, most)
	for _, g := range groups[:min(len(groups), most)] {
		if r := []rune(g); len(r) > longest {
			g = string(r[:longest]) + "…"
		}
		shown = append(shown, strconv.Quote(g))
	}
	text := "It names these: " + strings.Join(shown, ", ")
	if n := len(groups) - most; n > 0 {
		text += " and " + strconv.Itoa(n) + " more"
	}
	return text + "."
}

// followIssuer looks what the issuer says of itself.
func (k *Console) followIssuer(ctx context.Context) error {
	for k.Issuer != nil && ctx.Err() == nil {
		_ = k.guard.Do("following the issuer", func() error { // after a panic it is looked at anew
			k.Issuer.Follow(ctx, func(err error) {
				if err != nil {
					k.Log.Warn("the issuer cannot be used, trying again; people cannot sign in by it meanwhile", "host", k.Issuer.Host(), "error", err)
				} else {
					k.Log.Info("the issuer can be used again", "host", k.Issuer.Host())
				}
			})
			return nil
		})
		event.Sleep(ctx, time.Second)
	}
	return nil
}
