// Package event holds the nouns that every stage of usher shares: the names of
// streams, subjects and queues, the envelope of an event, identities, the facts
// that tell what became of it, the record of a person, and the marks that an
// error carries from the place where it is known to the boundary that acts on it.
//
// Stages (ingest, bridge, workflows, notify, account, console, catcher) never import
// one another; they meet in these types and in small interfaces that app joins. The
// package has no state, does no I/O but to read a secret's file, and imports besides
// the standard library only ksuid and x/net/idna.
package event
