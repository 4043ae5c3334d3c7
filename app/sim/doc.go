// Package sim lives whole seeds of usher: one process of each role, two bridges and
// two workers, on a real NATS server and a model of Temporal, with three faults
// each, and holds what is left against one list of rules.
//
// Everything of a seed happens in one testing/synctest bubble: connections go over
// a network in memory (package wire), so time passes only when no part has anything
// to do, and hours pass in a second. Settings are therefore those of production,
// and a machine that is busy cannot make a heartbeat late. What is real: app.Run
// and all stages, the clients of NATS, Temporal, SMTP and HTTP, the NATS server
// with its files. What is not: Temporal's server, for which package model stands,
// held to the real one by package exercise; the network; the moment.
//
// A process is killed by cutting all of its connections at once: whatever it does
// afterwards has no effect any more. Faults happen at the nth write of a process to
// a server, or at the nth call of Temporal, so a seed that is run again meets the
// same ones; the turns of goroutines are the runtime's, and may differ.
//
// story.go and look.go call each other, because a story waits until what it looks at has
// come to rest; so do world.go and plan.go, because faults are parts of the world that
// kill others.
//
// The files: plan.go draws faults and lets them happen, story.go says what happens
// to people, evidence.go collects what is left, judge.go holds the promises
// and the rules against it, world.go and sink.go are the stage.
package sim
