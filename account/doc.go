// Package account makes a user's account usable in the system that holds the
// accounts, and undoes that. It knows two such systems: one that speaks SCIM 2.0
// (RFC 7643, RFC 7644), and a plain webhook.
//
// Every call may be made again, whatever became of the one before: usher's user
// id goes along as externalId, by which SCIM accounts are found again, or as part
// of the webhook's idempotency key. So an unknown outcome is an error like any
// other, and the next try finds out.
//
// Errors are marked with event.Permanent and event.RetryAfter, any other is
// transient, and have a Reason, one of Reasons. What concerns one user for good
// (a name that is taken, data that is refused) is permanent; what concerns all
// (a wrong token, a service that is away) waits until it is mended. No
// error, log line or metric holds anything of a person or of what a service
// answered in words.
//
// A Target is safe for concurrent use; at most Width requests are under way.
package account
