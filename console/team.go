package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"usher/console/logins"
)

// The pages of those who manage logins, which people call accounts.

// member is a login as the page lists it.
type member struct {
	logins.Login
	Sessions int
	Invited  bool   // has an invite that can still be used
	Host     string // of the issuer that vouches for it; "": none does
}

func (k *Console) teamPage(w http.ResponseWriter, r *http.Request) {
	k.team(w, r, http.StatusOK, map[string]any{"Message": k.sessions.PopString(r.Context(), "message")})
}

// team shows all logins, and above them what d says.
func (k *Console) team(w http.ResponseWriter, r *http.Request, code int, d map[string]any) {
	all, err := k.login.store.Read(r.Context())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	open := map[string]int{}
	for _, s := range k.signins.all("") {
		open[s.Login]++
	}
	var members []member
	for _, l := range all.Logins {
		m := member{Login: l, Sessions: open[l.Name], Invited: l.Invite != nil && logins.Good(*l.Invite)}
		if u, err := url.Parse(voucherOf(l)); err == nil {
			m.Host = u.Host
		}
		members = append(members, m)
	}
	d["NoLocal"] = k.NoLocalAccounts
	d["Title"], d["Members"], d["Roles"] = "Accounts", members, logins.Roles()
	k.show(w, r, code, "team", d)
}

func voucherOf(l logins.Login) string {
	if l.Local() {
		return ""
	}
	return l.Voucher.By
}

// errNoLocal is why an account with a password is not made.
var errNoLocal error = logins.Refusal("accounts with a password are switched off here (--no-local-accounts)")

// changed ends a request that changed a login: it records that, and shows the logins
// again with what was done, or why it was not.
func (k *Console) changed(w http.ResponseWriter, r *http.Request, action, name, done string, err error) {
	var refused logins.Refusal
	switch {
	case errors.As(err, &refused):
		k.team(w, r, http.StatusConflict, map[string]any{"Error": "Nothing was changed: " + err.Error() + "."})
		return
	case err != nil:
		k.fail(w, r, err)
		return
	}
	k.auditLogin(r.Context(), action, name)
	k.sessions.Put(r.Context(), "message", done)
	http.Redirect(w, r, "/accounts", http.StatusSeeOther)
}

// auditLogin records what the one who asks did about a login.
func (k *Console) auditLogin(ctx context.Context, action, name string, more ...string) {
	what := map[string]string{"account": name}
	for i := 0; i+1 < len(more); i += 2 {
		what[more[i]] = more[i+1]
	}
	k.audit(ctx, action, whoIn(ctx).actor(), what)
}

// scopeOf are the role and the inboxes of a form.
func scopeOf(r *http.Request) (logins.Role, []string) {
	return logins.Role(r.PostFormValue("role")), strings.FieldsFunc(r.PostFormValue("inboxes"), func(c rune) bool { return c == ',' || c == ' ' })
}

func (k *Console) addLogin(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.PostFormValue("name"))
	role, inboxes := scopeOf(r)
	if k.NoLocalAccounts {
		k.changed(w, r, "", "", "", errNoLocal)
		return
	}
	if err := k.login.store.Add(r.Context(), name, role, inboxes, whoAsks(r).actor()); err != nil {
		k.changed(w, r, "", "", "", err)
		return
	}
	k.auditLogin(r.Context(), "account-add", name, "role", string(role), "inboxes", strings.Join(inboxes, " "))
	k.invite(w, r, name)
}

func (k *Console) inviteLogin(w http.ResponseWriter, r *http.Request) {
	k.invite(w, r, r.PathValue("name"))
}

// invite makes an invite and shows its link, once.
func (k *Console) invite(w http.ResponseWriter, r *http.Request, name string) {
	secret, err := "", errNoLocal
	if !k.NoLocalAccounts {
		secret, err = k.login.store.NewInvite(r.Context(), name)
	}
	if err != nil {
		k.changed(w, r, "", "", "", err)
		return
	}
	k.auditLogin(r.Context(), "account-invite", name)
	k.team(w, r, http.StatusOK, map[string]any{"Invite": InviteURL(k.home(r), secret), "Invited": name, "Days": int(logins.InviteFor.Hours() / 24)})
}

// InviteURL is the link of an invite, at a console under an address.
func InviteURL(console, secret string) string {
	return strings.TrimSuffix(console, "/") + "/invite/" + secret
}

// home is where the one who asks reaches the console.
func (k *Console) home(r *http.Request) string {
	if k.URL != "" {
		return k.URL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (k *Console) setRole(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	role, inboxes := scopeOf(r)
	err := k.login.store.SetRole(r.Context(), name, role, inboxes)
	k.changed(w, r, "account-role", name, fmt.Sprintf("%s is %s now, and has to sign in again.", name, role), err)
}

func (k *Console) disableLogin(w http.ResponseWriter, r *http.Request) {
	name, disable := r.PathValue("name"), r.PostFormValue("enable") == ""
	action, done := "account-disable", " cannot sign in any more, and is signed out everywhere."
	if !disable {
		action, done = "account-enable", " can sign in again."
	}
	k.changed(w, r, action, name, name+done, k.login.store.Disable(r.Context(), name, disable))
}

func (k *Console) endSessions(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	k.changed(w, r, "sessions-end", name, name+" is signed out everywhere.", k.login.store.EndSessions(r.Context(), name))
}

func (k *Console) removeLogin(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	k.changed(w, r, "account-rm", name, name+" is removed, and is signed out everywhere.", k.login.store.Remove(r.Context(), name))
}

// The page of one's own login.

func (k *Console) ownPage(w http.ResponseWriter, r *http.Request) {
	k.own(w, r, http.StatusOK, map[string]any{"Message": k.sessions.PopString(r.Context(), "message")})
}

func (k *Console) own(w http.ResponseWriter, r *http.Request, code int, d map[string]any) {
	d["Title"], d["Sessions"] = "Your account", k.signins.all(whoAsks(r).Name)
	if c, err := r.Cookie(k.sessionsOf(r).Cookie.Name); err == nil {
		d["This"] = strings.TrimPrefix(k.keyOf(c.Value), sessionPrefix)
	}
	switch whoAsks(r).How {
	case byIssuer:
		d["By"] = k.Issuer.Host()
	case byHeader:
		d["By"] = "the proxy"
	}
	k.show(w, r, code, "own", d)
}

// ownPassword changes the password of the one who asks, who says the present one. All
// other sessions end.
func (k *Console) ownPassword(w http.ResponseWriter, r *http.Request) {
	name := whoAsks(r).Name
	refuse := func(code int, text string) { k.own(w, r, code, map[string]any{"Error": text}) }
	_, ok, err := k.login.signIn(r.Context(), attempt{client: clientOf(r), user: name, password: r.PostFormValue("present")})
	if err == nil && !ok {
		refuse(http.StatusConflict, "The present password is wrong. Nothing was changed.")
		return
	}
	var hash string
	if err == nil {
		hash, err = k.chosen(r)
	}
	var all logins.All
	if err == nil {
		err = k.login.store.SetPassword(r.Context(), name, hash)
	}
	if err == nil {
		all, err = k.login.store.Read(r.Context())
	}
	var refused logins.Refusal
	switch {
	case errors.Is(err, errSlow), errors.As(err, &refused):
		refuse(http.StatusConflict, "Nothing was changed: "+err.Error()+".")
		return
	case err != nil:
		k.fail(w, r, err)
		return
	}
	k.auditLogin(r.Context(), "account-password", name)
	if l, ok := all.Login(name); ok {
		if err := k.openSession(w, r, *l); err != nil {
			k.fail(w, r, err)
			return
		}
	}
	k.sessions.Put(r.Context(), "message", "The password is changed. All other sessions have ended.")
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

// chosen is the hash of the password that a form chooses, and repeats.
func (k *Console) chosen(r *http.Request) (string, error) {
	if r.PostFormValue("password") != r.PostFormValue("again") {
		return "", logins.Refusal("the two passwords differ")
	}
	return k.login.hash(r.Context(), r.PostFormValue("password"))
}

func (k *Console) endOwnSession(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("session")
	for _, s := range k.signins.all(whoAsks(r).Name) {
		if s.ID != id {
			continue
		}
		if err := (sessionStore{k.signins.kv}).end(r.Context(), sessionPrefix+id); err != nil {
			k.fail(w, r, err)
			return
		}
		k.auditLogin(r.Context(), "session-end", s.Login)
		k.sessions.Put(r.Context(), "message", "That session has ended.")
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

// The page of an invite.

func (k *Console) invitePage(w http.ResponseWriter, r *http.Request) {
	all, err := k.login.store.Read(r.Context())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	l, err := k.invited(all, r.PathValue("secret"))
	if err != nil {
		k.show(w, r, http.StatusGone, "invite", map[string]any{"Error": sentence(err)})
		return
	}
	k.show(w, r, http.StatusOK, "invite", map[string]any{"Name": l.Name, "Login": l, "Action": r.URL.Path})
}

// invited is the login of an invite, where passwords are good for anything.
func (k *Console) invited(all logins.All, secret string) (*logins.Login, error) {
	if k.NoLocalAccounts {
		return nil, errNoLocal
	}
	return all.Invited(secret)
}

// redeemInvite stores the password that the person has chosen, and leads to the sign-in.
// A request without a good invite costs no check of a password.
func (k *Console) redeemInvite(w http.ResponseWriter, r *http.Request) {
	secret := r.PathValue("secret")
	all, err := k.login.store.Read(r.Context())
	var l *logins.Login
	if err == nil {
		l, err = k.invited(all, secret)
	}
	var hash, name string
	if err == nil {
		if hash, err = k.chosen(r); err == nil {
			name, err = k.login.store.Redeem(r.Context(), secret, hash)
		}
	}
	var refused logins.Refusal
	switch {
	case errors.Is(err, logins.ErrInvite), errors.Is(err, errNoLocal):
		k.show(w, r, http.StatusGone, "invite", map[string]any{"Error": sentence(err)})
	case errors.As(err, &refused):
		k.show(w, r, http.StatusConflict, "invite", map[string]any{"Name": l.Name, "Login": l, "Action": r.URL.Path, "Error": sentence(err)})
	case err != nil:
		k.fail(w, r, err)
	default:
		k.audit(r.Context(), "account-password", name, map[string]string{"account": name, "by": "invite"})
		k.sessions.Put(r.Context(), "message", "Your password is stored. Sign in with it.")
		http.Redirect(w, r, "/signin?"+url.Values{"name": {name}}.Encode(), http.StatusSeeOther)
	}
}

// sentence is an error as a page says it.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
