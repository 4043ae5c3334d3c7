// Package model is Temporal's frontend as usher sees it, in memory: good enough
// for the real SDK's client and workers, unmodified. It keeps the rules that usher
// rests on (request ids, policies of reuse and conflict, buffered events, retries,
// timeouts, heartbeats, sticky queues) and leaves out the rest, which answers
// Unimplemented.
//
// It knows one namespace and takes every name for it. All time is the process's
// own, so inside a testing/synctest bubble a month passes in a moment.
//
// run.go and task.go call each other: what happens to a run may offer its workflow task,
// and what becomes of a task is an event of its run.
//
// Package exercise holds it to the real server: the same test runs against both.
package model
