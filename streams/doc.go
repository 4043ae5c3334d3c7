// Package streams is usher's side of JetStream: the table of streams and
// buckets with their settings, the records of PEOPLE, and the publishing of
// facts and dead letters. It implements the small interfaces that the stages
// declare; app joins them.
//
// Everything that is written here is safe to write again: a fact and a dead
// letter have ids of their own, and a person is changed by compare-and-set with
// a function that sees what is stored now. All methods are safe for concurrent
// use. Errors are transient unless they say otherwise.
package streams
