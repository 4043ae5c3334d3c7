// Package logins is who may sign in at the console, and what each may do there.
//
// A login is what `usher account` calls an account: here that word is left to what
// users get in target systems. A login has one role, and is for all inboxes or for
// named ones. Roles are a closed set; which of them may call which address of the
// console is said beside that address, by a Right.
package logins
