package console

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"usher/console/logins"
)

// TrustedHeader is how an authenticating proxy says who sends a request. From anywhere else
// the headers are taken off before anything looks at them.
type TrustedHeader struct {
	User   string         // the header with the person
	Groups string         // the header with the groups, joined by commas
	From   []netip.Prefix // where the proxy is
}

// headerStream is how long the stream of a page lasts for which a proxy vouched: then the
// page comes again, and the proxy looks whether it still may.
const headerStream = 5 * time.Minute

// vouched is what a trusted proxy says of a request.
type vouched struct {
	user   string
	groups []string
}

type vouchedKey struct{}

// vouchedIn is what a trusted proxy says of a request; ok is false when none says anything.
func vouchedIn(ctx context.Context) (v vouched, ok bool) {
	v, ok = ctx.Value(vouchedKey{}).(vouched)
	return v, ok
}

// takeHeaders takes the headers off, and keeps what they say when the connection comes from
// where they are trusted. A person who stands there twice is no one. Proxies pass on what a
// person has typed, in whatever case: one person must not become two.
func (k *Console) takeHeaders(r *http.Request) *http.Request {
	if k.TrustedHeader == nil {
		return r
	}
	users, groups := r.Header.Values(k.TrustedHeader.User), r.Header.Values(k.TrustedHeader.Groups)
	r.Header.Del(k.TrustedHeader.User)
	r.Header.Del(k.TrustedHeader.Groups)
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	from, ok := hop(peer)
	if !ok || !proxies(k.TrustedHeader.From).trust(from) {
		if len(users) > 0 && k.stranger("header", "") {
			k.Log.Warn("requests say in a header who sends them, and come from an address that --trusted-header-from does not name; the header is taken off")
		}
		return r
	}
	if len(users) != 1 || !utf8.ValidString(users[0]) { // what is not UTF-8 has no case, and cannot be stored as it is
		return r
	}
	v := vouched{user: strings.ToLower(strings.TrimSpace(users[0]))}
	if v.user == "" || len(v.user) > 255 {
		return r
	}
	for _, g := range strings.Split(strings.Join(groups, ","), ",") {
		if g = strings.TrimSpace(g); g != "" {
			v.groups = append(v.groups, g)
		}
	}
	return r.WithContext(context.WithValue(r.Context(), vouchedKey{}, v))
}

// byTrustedHeader is the person whom a proxy vouches for; the zero who when that person may
// do nothing here.
func (k *Console) byTrustedHeader(r *http.Request, v vouched) (who, error) {
	name := logins.PersonName(logins.ByHeader, v.user)
	fails := func(reason string, l logins.Login) {
		if k.headersSeen.longAgo(name + "\n" + reason + "\n" + l.Stamp()) {
			k.audit(r.Context(), "signin-failed", name, map[string]string{"client": clientOf(r), "by": byHeader, "reason": reason})
		}
	}
	role, inboxes, ok := logins.ScopeOf(k.Grants, v.groups)
	if !ok {
		fails("group", logins.Login{})
		return who{}, k.login.store.Dismiss(r.Context(), logins.ByHeader, v.user)
	}
	l, err := k.login.store.Admit(r.Context(), logins.Voucher{By: logins.ByHeader, Subject: v.user, Called: v.user}, role, inboxes)
	var no logins.Refusal
	switch {
	case errors.As(err, &no):
		fails("account", l)
		return who{}, nil
	case err != nil:
		return who{}, err
	case l.Disabled:
		fails("disabled", l)
		return who{}, nil
	}
	if k.headersSeen.longAgo(name + "\n" + l.Stamp()) {
		k.audit(r.Context(), "signin", name, map[string]string{"client": clientOf(r), "by": byHeader, "role": string(role), "inboxes": strings.Join(inboxes, " ")})
	}
	a := whoIs(l, byHeader)
	a.stamp = l.Stamp()
	all, err := k.login.store.Read(r.Context())
	for _, s := range all.Short() {
		if a.Inboxes == nil || slices.Contains(a.Inboxes, s.Inbox) {
			a.short = append(a.short, s)
		}
	}
	return a, err
}

// stillVouched tells whether what a proxy vouched for when a request began is still so.
func (k *Console) stillVouched(ctx context.Context, a who) bool {
	all, err := k.login.store.Read(ctx)
	l, there := all.Login(a.Name)
	return err == nil && there && k.doors().Open(*l) && l.Stamp() == a.stamp
}

// vouchedText says to one whom a proxy vouches for why the sign-in is there all the same.
func vouchedText(v vouched) string {
	return "You are known to the proxy as " + cmp.Or(v.user, "someone") + ", and may do nothing here: none of your groups has a role, or your account is disabled. Ask those who run usher."
}
