// Package bridge joins JetStream to Temporal: user events start workflows,
// verification events signal them, and either may come first.
//
// Every message ends in exactly one counted outcome before its ack. What makes
// the same event harmless when it comes again: the workflow's id is made from
// the user's id, Temporal's request id from the event's identity, and PEOPLE,
// which outlives both, is asked before anything is started. What a signal did is
// not known here; the workflow tells it in facts.
//
// Run supervises two durable pull consumers. A bounded number of messages is in
// hand at once and each is kept from being redelivered while it is. When
// Temporal or JetStream is away, the messages in hand wait, no more are pulled,
// and no delivery is used up. Several bridges may share the consumers.
package bridge
