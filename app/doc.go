// Package app joins the stages into processes: configuration, connections,
// wiring and lifecycle. `usher up` is every role in one process with its servers
// beside it; a role command is one of them against servers from outside. Both
// are the same straight line in Run.
package app
