// Package console is the console role: web pages and an API where people see
// who waits, decide, and look what became of files, users and messages.
//
// What is shown comes from a read model, a SQLite file of this process that is
// filled from the streams and can be thrown away: its position in each stream is
// stored in one transaction with the rows, and a stream that was made anew makes
// the model start over. A decision is the same verification event that an
// upstream system publishes; the console waits a moment for the fact that
// answers it.
//
// Pages are rendered here, work without scripts and carry a policy that allows only
// the console's own files. Every page asks for a sign-in; sessions and the hash of
// the password are in KV CONSOLE, so they outlive the process. An issuer may vouch for
// people in the place of a password (console/signon).
//
// The table of routes names every handler, and each handler finds out by the way who asks and
// shows a page, so api_document.go, bulk_api.go, bulk_pages.go, desk.go, did.go, imports.go,
// letters_api.go, letters_pages.go, mend.go, metrics.go, missed_api.go, missed_pages.go,
// oidc.go, oidc_end.go, orders.go, preview.go, release.go, reveal.go, routes.go, signin.go,
// stream.go, stuck.go, suppressed.go, team.go, tokens.go, undo.go, uploads.go, web.go and
// who.go call each other.
package console
