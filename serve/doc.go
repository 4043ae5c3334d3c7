// Package serve answers on a listener until a context ends: one way to bind, to
// serve, to stop and to survive a panic for every server that usher runs.
//
// Until runs a server. Handlers go through HTTP, and SMTP backends through SMTP:
// both stop the panics of what they call, tell the guard, and answer the client
// that usher failed. Without them, Go's server logs the panic value, which may
// be personal data, and go-smtp reports nothing.
package serve
