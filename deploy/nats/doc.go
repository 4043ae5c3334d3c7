// Package nats says what each role of usher may ask of a NATS server, and writes
// the server configuration beside it from that: Roles is the table, Conf the file.
//
// What a role asks comes from its code, so the table is held to the code from both
// sides. The tests beside it run the shipped configuration and try what accounts
// must not be able to do; the end-to-end test of roles apart runs every role and
// every command under it, behind a proxy that notes what each asks of the server. A
// subject that no right covers fails that test, and so does a right that covers
// nothing that was asked.
package nats
