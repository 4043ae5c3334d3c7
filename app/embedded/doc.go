//go:build !noembed

// Package embedded runs the servers of `usher up` in its own process: NATS with
// JetStream, Temporal on SQLite, and Temporal's web pages.
//
// Durable means durable: NATS syncs before it acknowledges, and both SQLite
// files, state and visibility, are written ahead and synced at each commit. One
// lock on the folder keeps a second process out. Servers trust all that reaches
// their port, so they listen on loopback only.
//
// A server that cannot go on would end the process; here it reports on Failed.
// Of what ships, this is the only package that imports server code (so do the servers
// of tests, in app/sim and streams/natstest); the build tag noembed
// leaves it out.
package embedded
