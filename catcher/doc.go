// Package catcher takes the e-mail and the text messages that would go out, keeps
// them on disk and shows them. It speaks what others speak: SMTP, Mailpit's read
// API and Twilio's Messages API.
//
// A message is acknowledged after it was committed to disk, so what a sender was
// told is true after a crash too. The catcher trusts every client that reaches its ports;
// it listens on loopback and answers no request that names another host.
package catcher
