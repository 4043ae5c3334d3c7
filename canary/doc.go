// Package canary proves that the way is open: a made-up user goes all of it, from a
// dropped file to a message in a sink. Journey sends one, Regular one after another.
//
// A canary uses only what every user uses, and what it finds out it reads from the
// facts. No figure about people counts it. What it leaves in the streams goes within an
// hour; its record in PEOPLE when it arrives, and when it does not, by the next one.
package canary
