// Package bridge joins JetStream to Temporal: user events start workflows,
// verification events signal them, and either may come first.
//
// Every message ends in exactly one counted outcome before its ack. What makes
// the same event harmless when it comes again: the workflow's id is made from
// the user's id, Temporal's request id from the event's identity, and PEOPLE,
// which outlives both, is asked before anything is started. What a signal did is
// not known here; the workflow tells it in facts.
//
// Run supervises two durable pull consumers. Each asks for as many messages as it
// has hands (pull), keeps them from being redelivered, and works them off beside
// each other (consumer, work). When a server is away the messages in hand wait in
// the consumer's breaker and few more are taken. Whose fault a failure is, classify
// judges by its code, and row by how other messages fare. Several bridges may share
// the consumers.
//
// Two groups of files call each other. A message goes round: pull.go receives it,
// consumer.go dispatches it, work.go works on it and gives it back to the consumer. And
// any of a user's events may come first, so each begins what the others need: what
// verifications.go has for a user who has no run goes by users.go, which may first have
// to reopen by orders.go, an order is a verification, and either may be late (late.go).
//
// A handler that panics costs its own message a try and nothing else. What is in
// hand is noted in a file (hands), so that a bridge finds out a message over which
// the ones before it died.
package bridge
