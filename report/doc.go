// Package report tells people what they must know regularly: who waits for a
// decision (the digest), what a day brought (the end-of-day report), whether
// everything that was imported is still accounted for (the reconciliation), and what
// the trail of who did what ends with (its head).
//
// Jobs does one of them when Temporal's schedules ask for it: it gathers from Books
// (the streams, PEOPLE and Temporal), renders, and hands the mails to a Sender. Mails
// hold user ids and inbox names, never a name, an address or a number of a user.
package report
