// Package report tells people what they must know regularly: who waits for a
// decision (the digest), what a day brought (the end-of-day report), and whether
// everything that was imported is still accounted for (the reconciliation).
//
// It gathers from interfaces that app joins to the streams and to Temporal, and
// renders; it sends nothing. Mails hold user ids and inbox names, never a name,
// an address or a number of a user.
package report
