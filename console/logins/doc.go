// Package logins is who may sign in at the console, and what each may do there.
//
// A login is what `usher account` calls an account: here that word is left to what
// users get in target systems. A login has one role, and is for all inboxes or for
// named ones; a token is the same for a program. Roles are a closed set; which of them
// may call which address of the console is said beside that address, by a Right.
//
// All logins and tokens are one record of KV CONSOLE, which is replaced by
// compare-and-set. So a rule about all of them, such as that one admin stays, holds
// however many consoles and commands change them at once. Passwords are stored as
// argon2id, the secrets of invites and tokens, which are random, as SHA-256.
//
// Earlier versions kept the hash of admin's password alone. It is that of the login
// admin until the record is first written.
package logins
