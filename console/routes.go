package console

import (
	"net/http"
	"strings"

	"usher/console/logins"
	"usher/event"
)

// route is one address that the console serves. Pages, API and scripts are served from
// this one table, so that none of them lets through what another one refuses.
type route struct {
	method, path string
	right        logins.Right // that the one who calls it needs
	handle       func(*Console, http.ResponseWriter, *http.Request)

	body    int64               // bytes that a request may bring; 0: smallBody
	when    func(*Console) bool // whether this console has it; nil: always
	foreign bool                // pages of Config.PayloadOrigins may ask, and no other page
	bare    bool                // is the same for all: no session is looked up
}

// smallBody is room for a form or a decision.
const smallBody = 64 << 10

// program tells whether the route answers programs, with JSON, and takes credentials
// that come with each request.
func (t route) program() bool {
	return strings.HasPrefix(t.path, "/api/") || t.path == payloadsPath
}

// routes is the table. A handler finds who asks with whoAsks.
func routes() []route {
	previews := func(k *Console) bool { return k.Previews != nil }
	payloads := func(k *Console) bool { return k.Payloads != nil }
	issuer := func(k *Console) bool { return k.Issuer != nil }
	return append(uploadRoutes(), []route{
		{method: "GET", path: "/static/", right: logins.Anyone, handle: staticFile, bare: true},
		{method: "GET", path: "/signin", right: logins.Anyone, handle: (*Console).signInPage},
		{method: "POST", path: "/signin", right: logins.Anyone, handle: (*Console).signIn},
		{method: "POST", path: signOnPath, right: logins.Anyone, handle: (*Console).beginSignOn, when: issuer},
		{method: "GET", path: signOnPath, right: logins.Anyone, handle: (*Console).endSignOn, when: issuer},
		{method: "POST", path: signedOutPath, right: logins.Anyone, handle: (*Console).signedOut, when: issuer, bare: true},
		{method: "POST", path: "/signout", right: logins.SignedIn, handle: (*Console).signOut},

		{method: "GET", path: "/invite/{secret}", right: logins.Anyone, handle: (*Console).invitePage},
		{method: "POST", path: "/invite/{secret}", right: logins.Anyone, handle: (*Console).redeemInvite},
		{method: "GET", path: "/account", right: logins.SignedIn, handle: (*Console).ownPage},
		{method: "POST", path: "/account/password", right: logins.SignedIn, handle: (*Console).ownPassword},
		{method: "POST", path: "/account/sessions/{session}/end", right: logins.SignedIn, handle: (*Console).endOwnSession},
		{method: "GET", path: "/accounts", right: logins.Manage, handle: (*Console).teamPage},
		{method: "POST", path: "/accounts", right: logins.Manage, handle: (*Console).addLogin},
		{method: "POST", path: "/accounts/{name}/role", right: logins.Manage, handle: (*Console).setRole},
		{method: "POST", path: "/accounts/{name}/invite", right: logins.Manage, handle: (*Console).inviteLogin},
		{method: "POST", path: "/accounts/{name}/disable", right: logins.Manage, handle: (*Console).disableLogin},
		{method: "POST", path: "/accounts/{name}/sessions/end", right: logins.Manage, handle: (*Console).endSessions},
		{method: "POST", path: "/accounts/{name}/rm", right: logins.Manage, handle: (*Console).removeLogin},
		{method: "GET", path: "/tokens", right: logins.Manage, handle: (*Console).tokensPage},
		{method: "POST", path: "/tokens", right: logins.Manage, handle: (*Console).addToken},
		{method: "POST", path: "/tokens/{name}/rm", right: logins.Manage, handle: (*Console).removeToken},

		{method: "GET", path: "/{$}", right: logins.SignedIn, handle: firstPage},
		{method: "GET", path: "/keys", right: logins.SignedIn, handle: (*Console).keysPage},
		{method: "GET", path: "/users", right: logins.See, handle: (*Console).usersPage},
		{method: "GET", path: "/users/{user_id}", right: logins.See, handle: (*Console).userPage},
		{method: "POST", path: "/users/{user_id}/decision", right: logins.Decide, handle: (*Console).decisionForm},
		{method: "POST", path: "/users/{user_id}/undo", right: logins.Decide, handle: (*Console).undoForm},
		{method: "POST", path: "/users/{user_id}/order", right: logins.Operate, handle: (*Console).orderForm},
		{method: "POST", path: "/users/{user_id}/reveal", right: logins.Reveal, handle: (*Console).revealForm},
		{method: "GET", path: "/decisions", right: logins.See, handle: (*Console).recentPage},
		{method: "GET", path: "/bulk", right: logins.See, handle: (*Console).bulksPage},
		{method: "POST", path: "/bulk", right: logins.Decide, handle: (*Console).bulkChooseForm, body: largeBody},
		{method: "GET", path: "/bulk/{id}", right: logins.See, handle: (*Console).bulkPage},
		{method: "POST", path: "/bulk/{id}/begin", right: logins.Decide, handle: (*Console).bulkBeginForm},
		{method: "POST", path: "/bulk/{id}/cancel", right: logins.Decide, handle: (*Console).bulkCancelForm},
		{method: "POST", path: "/bulk/{id}/undo", right: logins.Decide, handle: (*Console).bulkUndoForm},
		{method: "GET", path: "/imports", right: logins.See, handle: (*Console).importsPage},
		{method: "POST", path: "/imports/{import}/release", right: logins.Operate, handle: (*Console).releaseForm},
		{method: "GET", path: "/deadletters", right: logins.See, handle: (*Console).deadLettersPage},
		{method: "POST", path: "/deadletters", right: logins.Operate, handle: (*Console).lettersForm},
		{method: "GET", path: "/deadletters/{seq}", right: logins.See, handle: (*Console).letterPage},
		{method: "POST", path: "/deadletters/{seq}/reveal", right: logins.Reveal, handle: (*Console).letterReveal},
		{method: "GET", path: "/failed", right: logins.See, handle: (*Console).failedPage},
		{method: "POST", path: "/failed", right: logins.Operate, handle: (*Console).failedForm, body: missedBody},
		{method: "GET", path: "/unknown", right: logins.See, handle: (*Console).unknownPage},
		{method: "POST", path: "/unknown", right: logins.Operate, handle: (*Console).unknownForm, body: missedBody},
		{method: "GET", path: "/stuck", right: logins.See, handle: (*Console).stuckPage},
		{method: "GET", path: "/suppressed", right: logins.Listed, handle: (*Console).suppressedPage},
		{method: "POST", path: "/suppressed", right: logins.Release, handle: (*Console).suppressedRelease},
		{method: "GET", path: "/figures", right: logins.See, handle: (*Console).metricsPage},
		{method: "GET", path: "/trail", right: logins.Audit, handle: (*Console).trailPage},
		{method: "GET", path: "/live", right: logins.See, handle: (*Console).livePage},
		{method: "GET", path: "/preview", right: logins.See, handle: (*Console).previewPage, when: previews},
		{method: "GET", path: "/preview/html", right: logins.See, handle: (*Console).previewHTML, when: previews},

		{method: "GET", path: documentPath, right: logins.Anyone, handle: (*Console).documentAPI, bare: true},
		{method: "GET", path: "/api/v1/users", right: logins.See, handle: (*Console).usersAPI},
		{method: "GET", path: "/api/v1/users/{user_id}", right: logins.See, handle: (*Console).userAPI},
		{method: "POST", path: "/api/v1/users/{user_id}/decision", right: logins.Decide, handle: (*Console).decisionAPI},
		{method: "POST", path: "/api/v1/users/{user_id}/reveal", right: logins.Reveal, handle: (*Console).revealAPI},
		{method: "GET", path: "/api/v1/export", right: logins.See, handle: (*Console).exportAPI},
		{method: "GET", path: "/api/v1/export/data", right: logins.Export, handle: (*Console).exportDataAPI},
		{method: "GET", path: "/api/v1/bulk", right: logins.See, handle: (*Console).bulksAPI},
		{method: "POST", path: "/api/v1/bulk", right: logins.Decide, handle: (*Console).bulkBeginAPI, body: largeBody},
		{method: "GET", path: "/api/v1/bulk/{id}", right: logins.See, handle: (*Console).bulkAPI},
		{method: "GET", path: "/api/v1/bulk/{id}/users", right: logins.See, handle: (*Console).bulkUsersAPI},
		{method: "POST", path: "/api/v1/bulk/{id}/cancel", right: logins.Decide, handle: (*Console).bulkStopAPI},
		{method: "POST", path: "/api/v1/bulk/{id}/undo", right: logins.Decide, handle: (*Console).bulkUndoAPI},
		{method: "GET", path: "/api/v1/deadletters", right: logins.See, handle: (*Console).deadLettersAPI},
		{method: "POST", path: "/api/v1/deadletters", right: logins.Operate, handle: (*Console).lettersAPI},
		{method: "GET", path: "/api/v1/failed", right: logins.See, handle: (*Console).failedAPI},
		{method: "POST", path: "/api/v1/failed", right: logins.Operate, handle: (*Console).failedDoAPI, body: missedBody},
		{method: "GET", path: "/api/v1/unknown", right: logins.See, handle: (*Console).unknownAPI},
		{method: "POST", path: "/api/v1/unknown", right: logins.Operate, handle: (*Console).unknownDoAPI, body: missedBody},
		{method: "GET", path: "/api/v1/stuck", right: logins.See, handle: (*Console).stuckAPI},
		{method: "GET", path: "/api/v1/imports", right: logins.See, handle: (*Console).importsAPI},
		{method: "POST", path: "/api/v1/imports/{import}/release", right: logins.Operate, handle: (*Console).releaseAPI},

		{method: "OPTIONS", path: payloadsPath, right: logins.Anyone, handle: payloadsAsked, when: payloads, foreign: true, bare: true},
		{method: "POST", path: payloadsPath, right: logins.Payloads, handle: (*Console).payloadsAPI, when: payloads, foreign: true, body: mostPayloads},
	}...)
}

// mux serves the routes that this console has. What no route names is answered like a
// route that asks for a sign-in, so that it does not tell strangers what there is.
func (k *Console) mux() http.Handler {
	mux := http.NewServeMux()
	known := map[string][]string{} // methods by path
	for _, t := range routes() {
		if t.when != nil && !t.when(k) {
			continue
		}
		known[t.path] = append(known[t.path], t.method)
		mux.Handle(t.method+" "+t.path, k.serve(t))
	}
	for path, methods := range known {
		if path == "/{$}" || path == "/static/" {
			continue
		}
		wrong := func(k *Console, w http.ResponseWriter, r *http.Request) { k.wrongMethod(w, r, methods) }
		mux.Handle(path, k.serve(route{path: path, right: logins.SignedIn, handle: wrong, foreign: path == payloadsPath}))
	}
	mux.Handle("/api/", k.serve(route{path: "/api/", right: logins.SignedIn, handle: (*Console).noSuchAPI}))
	mux.Handle("/", k.serve(route{path: "/", right: logins.SignedIn, handle: (*Console).noSuchPage}))
	return mux
}

// serve puts around a route what all of them have: bounds, who asks, and what that one
// may do, in this order. A request that is not allowed is refused before it is read.
func (k *Console) serve(t route) http.Handler {
	body := t.body
	if body == 0 {
		body = smallBody
	}
	h := k.identify(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.allowed(t, w, r) {
			t.handle(k, w, r)
		}
	}))
	h = http.MaxBytesHandler(h, body)
	if t.foreign {
		return k.fromOrigins(h)
	}
	return k.origins.Handler(h)
}

func staticFile(_ *Console, w http.ResponseWriter, r *http.Request) { static.ServeHTTP(w, r) }

// firstPage is where a sign-in leads when no page was asked for.
func firstPage(_ *Console, w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/users?status="+string(event.StatusWaiting), http.StatusSeeOther)
}

func (k *Console) keysPage(w http.ResponseWriter, r *http.Request) {
	k.show(w, r, http.StatusOK, "keys", map[string]any{"Title": "Keys"})
}

func (k *Console) noSuchPage(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func (k *Console) noSuchAPI(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, problemOf(r, codeNoAddress, "there is no such address in the API"))
}

func (k *Console) wrongMethod(w http.ResponseWriter, r *http.Request, methods []string) {
	w.Header().Set("Allow", strings.Join(methods, ", "))
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeProblem(w, problemOf(r, codeWrongMethod, "this address takes "+strings.Join(methods, " and ")))
		return
	}
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
}
