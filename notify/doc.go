// Package notify sends one message to one person on one channel, and knows what
// became of it: accepted, not sent, or unknown.
//
// A message has an entry in the send ledger. Just before the moment from which
// on the provider may have taken it (SMTP's final dot, the body of an HTTP
// request) the entry says `submitting` with the attempt's token; the answer
// makes it `accepted`, `failed` or free for another try. A process that finds
// `submitting` or `unknown` later cannot know whether the message went out: by
// policy it is sent again, counted as a copy, or held. A message that is
// `accepted` is never sent again.
//
// What was pinned at the first try (Message-ID, date, template, locale) stays,
// so that copies can be recognised. Everything is rendered before a connection
// is opened. Errors and logs hold codes and reasons of a bounded set, never an
// address or what a server said, because servers repeat addresses.
package notify
