// Package event holds the nouns that every stage of usher shares: the names of
// streams, subjects and queues, the envelope of an event, identities, the facts
// that tell what became of it, the record of a person, and the marks that an
// error carries from the place where it is known to the boundary that acts on it.
//
// Stages (ingest, bridge, workflows, notify, console) never import one another;
// they meet in these types and in small interfaces that app joins. The package
// has no state, does no I/O, and imports besides the standard library only ksuid
// and idna.
package event
