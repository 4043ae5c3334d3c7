package notify

// word is one kind of answer and what it means. The first of the list that fits
// counts, so that what is particular stands before what is general.
type word struct {
	by     string // smtp, or a preset of services of text messages
	in     phases // of SMTP
	code   string // SMTP: "550" or "5"; of a service: its own code, or "HTTP 503"
	status string // SMTP: enhanced code without its class, as "1.1"
	text   string // that the answer has, in lower case
	reason string
	anew   bool   // SMTP: a new connection is worth a try
	some   bool   // perhaps of this recipient only, so that several in a row blame the provider
	source string // where it is documented, or was seen
}

// Sources of more than one row.
const (
	rfc3463     = "RFC 3463"
	fromPostfix = "Postfix, postconf(5) and smtpd_check.c; run against 3.7.11"
	exim        = "Exim 4.96, Debian's configuration, run"
	opensmtpd   = "OpenSMTPD 6.8.0p2, run"
	exchange    = "Microsoft, \"Fix NDR errors in Exchange Online\""
	delist      = "Microsoft, \"Use the delist portal to remove yourself from the blocked senders list\""
	gmail       = "Google, \"Gmail SMTP errors and codes\""
	ses         = "Amazon SES, \"SMTP response codes\""
	zoho        = "Zoho ZeptoMail, \"SMTP Error Codes\""
	qmailRcpt   = "qmail-smtpd.c"
	twilioDocs  = "https://www.twilio.com/docs/api/errors/"
	vonageDocs  = "https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms"
	kannelRun   = "Kannel 1.4.5, run"
)

// words are what usher knows of answers: one vocabulary for sending and for
// receipts. A refusal is the recipient's only by a row of this table.
var words = []word{
	// The session, which another connection mends.
	{by: bySMTP, in: onConnect | onMail, code: "503", anew: true, reason: ReasonTransient, source: opensmtpd + ": 503 5.5.1 to a second EHLO"},
	{by: bySMTP, in: onMail, code: "4", status: "5.3", anew: true, reason: ReasonTransient, source: opensmtpd + ": after 100 messages of a session"},
	{by: bySMTP, code: "421", reason: ReasonRateLimited, source: "RFC 5321, 3.8: the server closes the connection"},

	// Whatever it is that a server puts off like that: a sender, a host, a recipient.
	{by: bySMTP, in: onRecipient, code: "4", text: "greylist", reason: ReasonDeferred, source: "postgrey 1.37 behind Postfix 3.7.11, run: 450 4.2.0 Sender address rejected: Greylisted"},

	// How usher introduces itself and signs in.
	{by: bySMTP, text: "helo command rejected", reason: ReasonConfig, source: fromPostfix + ": 504 5.5.2, 450 4.7.1, 550 5.7.1"},
	{by: bySMTP, code: "530", reason: ReasonConfig, source: "RFC 4954, 6; RFC 3207, 4"},
	{by: bySMTP, code: "534", reason: ReasonConfig, source: "RFC 4954, 6"},
	{by: bySMTP, code: "535", reason: ReasonConfig, source: "RFC 4954, 6"},
	{by: bySMTP, code: "538", reason: ReasonConfig, source: "RFC 4954, 6"},
	{by: bySMTP, text: "authentication required", reason: ReasonConfig, source: "RFC 4954, 6: the text of 530, which other codes have too"},
	{by: bySMTP, text: "requires authentication", reason: ReasonConfig, source: "MailEnable: 503 at RCPT"},
	{by: bySMTP, text: "not authenticated", reason: ReasonConfig, source: exchange + ": 530 5.7.57"},
	{by: bySMTP, text: "must issue a starttls", reason: ReasonConfig, source: gmail},

	// Who sends.
	{by: bySMTP, text: "sender address rejected", reason: ReasonSender, source: fromPostfix + ": 553 5.7.1, 550 5.1.8, 450 4.1.8"},
	{by: bySMTP, text: "sender verify failed", reason: ReasonSender, source: "Exim, verify = sender"},
	{by: bySMTP, text: "sender verification failed", reason: ReasonSender, source: exim + ": 550"},
	{by: bySMTP, text: "relaying disallowed as", reason: ReasonSender, source: zoho + ": 552 or 553, a From of another domain"},
	{by: bySMTP, text: "not owned by user", reason: ReasonSender, source: fromPostfix + ": reject_sender_login_mismatch"},
	{by: bySMTP, text: "sendasdenied", reason: ReasonSender, source: exchange + ": 554 5.2.252"},
	{by: bySMTP, text: "send as this sender", reason: ReasonSender, source: exchange + ": 550 5.7.60"},
	{by: bySMTP, text: "address is not verified", reason: ReasonSender, source: ses + ": 554 after the dot"},
	{by: bySMTP, code: "5", status: "1.7", reason: ReasonSender, source: rfc3463},
	{by: bySMTP, code: "5", status: "1.8", reason: ReasonSender, source: rfc3463},
	{by: bySMTP, code: "5", status: "7.20", reason: ReasonSender, source: "RFC 7372: DKIM"},
	{by: bySMTP, code: "5", status: "7.21", reason: ReasonSender, source: "RFC 7372: DKIM"},
	{by: bySMTP, code: "5", status: "7.22", reason: ReasonSender, source: "RFC 7372: DKIM"},
	{by: bySMTP, code: "5", status: "7.23", reason: ReasonSender, source: "RFC 7372: SPF"},
	{by: bySMTP, code: "5", status: "7.26", reason: ReasonSender, source: "RFC 7372: SPF and DKIM"},
	{by: bySMTP, code: "5", status: "7.60", reason: ReasonSender, source: exchange},

	// How much usher may send.
	{by: bySMTP, code: "5", status: "4.5", reason: ReasonQuota, source: gmail + ": 550 5.4.5"},
	{by: bySMTP, text: "daily message quota exceeded", reason: ReasonQuota, source: ses + ": 454"},
	{by: bySMTP, text: "sending limit exceeded", reason: ReasonQuota, source: gmail + ": 550 5.4.5"},
	{by: bySMTP, text: "daily smtp relay limit exceeded", reason: ReasonQuota, source: gmail + ": 550 5.7.1"},
	{by: bySMTP, text: "peak smtp relay limit exceeded", reason: ReasonRateLimited, source: gmail + ": 450 4.2.1"},
	{by: bySMTP, text: "submissionquotaexceeded", reason: ReasonQuota, source: "Microsoft, \"How to set up a multifunction device\": 554 5.2.0"},
	{by: bySMTP, text: "maximum sending rate exceeded", reason: ReasonRateLimited, source: ses + ": 454"},

	// The name that this machine or domain has.
	{by: bySMTP, text: "banned sending ip", reason: ReasonReputation, source: delist},
	{by: bySMTP, text: "blocked using", reason: ReasonReputation, source: fromPostfix + ": reject_rbl_client"},
	{by: bySMTP, text: "mta's poor reputation", reason: ReasonReputation, source: "Cisco Secure Email: 554 at connecting"},
	{by: bySMTP, code: "5", status: "7.25", reason: ReasonReputation, source: "RFC 7372: no name of the address"},
	{by: bySMTP, code: "5", status: "7.511", reason: ReasonReputation, source: delist},
	{by: bySMTP, code: "5", status: "7.606-649", reason: ReasonReputation, source: delist},

	// Relaying, which may be refused for some domains only.
	{by: bySMTP, text: "relay not permitted", reason: ReasonConfig, some: true, source: exim + ": 550"},
	{by: bySMTP, text: "mailing to remote domains not supported", reason: ReasonConfig, some: true, source: exim + ": 550, set up for local delivery only"},
	{by: bySMTP, text: "relay access denied", reason: ReasonConfig, some: true, source: fromPostfix + ": 554 5.7.1, 454 4.7.1"},
	{by: bySMTP, text: "relaying denied", reason: ReasonConfig, some: true, source: "sendmail 8.17.1, run: 550 5.7.1"},
	{by: bySMTP, text: "unable to relay", reason: ReasonConfig, some: true, source: exchange + ": 550 5.7.54"},
	{by: bySMTP, text: "list of allowed rcpthosts", reason: ReasonConfig, some: true, source: qmailRcpt + ": 553, #5.7.1"},
	{by: bySMTP, text: "client host rejected", reason: ReasonConfig, some: true, source: fromPostfix + ": 554 5.7.1"},
	{by: bySMTP, in: onRcpt, code: "5", status: "7.54", reason: ReasonConfig, some: true, source: exchange},
	{by: bySMTP, in: onRcpt, code: "5", status: "7.64", reason: ReasonConfig, some: true, source: exchange},

	// How large a message may be, which a server may say already at MAIL.
	{by: bySMTP, in: onMail, code: "552", reason: ReasonContent, source: "RFC 1870, 6.1; sendmail 8.17.1, run"},
	{by: bySMTP, in: onMail, code: "5", status: "3.4", reason: ReasonContent, source: rfc3463 + ": too big"},

	// The recipient. Codes prove nothing at MAIL, where they speak of the sender.
	{by: bySMTP, in: onRecipient, text: "receiving mail at a rate", reason: ReasonDeferred, source: gmail + ": 550 5.2.1, 450 4.2.1"},
	{by: bySMTP, in: onRecipient, status: "2.2", reason: ReasonMailboxFull, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", status: "1.1", reason: ReasonRecipient, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", status: "1.2", reason: ReasonRecipient, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", status: "1.3", reason: ReasonRecipient, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", status: "1.6", reason: ReasonRecipient, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", status: "1.10", reason: ReasonRecipient, source: "RFC 7505: the domain takes no mail"},
	{by: bySMTP, in: onRecipient, code: "5", status: "2.1", reason: ReasonRecipient, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", text: "user unknown", reason: ReasonRecipient, source: "sendmail 8.17.1, run: 550 5.1.1; older servers without enhanced codes"},
	{by: bySMTP, in: onRecipient, code: "5", text: "unknown user", reason: ReasonRecipient, source: "Exim, its own configure.default: 550"},
	{by: bySMTP, in: onRecipient, code: "5", text: "no such user here", reason: ReasonRecipient, source: "Exim as cPanel sets it up: 550"},
	{by: bySMTP, in: onRecipient, code: "5", text: "no mailbox here by that name", reason: ReasonRecipient, source: "qmail with chkuser, vpopmail: #5.1.1"},
	{by: bySMTP, in: onRecipient, code: "5", text: "invalid recipient", reason: ReasonRefused, source: opensmtpd + ": 550, of users that it lacks and of domains that no rule relays to"},
	{by: bySMTP, in: onRecipient, code: "5", text: "unrouteable address", reason: ReasonRefused, source: exim + ": 550, of users that it lacks, and of all for whom its routers know no way"},

	// What the message says.
	{by: bySMTP, in: onRecipient, code: "5", status: "3.4", reason: ReasonContent, source: rfc3463 + ": too big"},
	{by: bySMTP, in: onRecipient, code: "5", status: "6.x", reason: ReasonContent, source: rfc3463},
	{by: bySMTP, in: onRecipient, code: "5", text: "message content rejected", reason: ReasonContent, source: "Postfix, header_checks(5); run against 3.7.11: 550 5.7.1"},
	{by: bySMTP, in: onRecipient, code: "5", text: "spam message rejected", reason: ReasonContent, source: "rspamd: 554 5.7.1"},
	{by: bySMTP, in: onRecipient, code: "5", text: "blocked by spamassassin", reason: ReasonContent, source: "spamass-milter: 550 5.7.1"},
	{by: bySMTP, in: onRecipient, code: "5", text: "reject, id=", reason: ReasonContent, source: "amavis: 554 5.7.0 Reject, id=… - SPAM, INFECTED or BANNED"},
	{by: bySMTP, in: onRecipient, code: "5", text: "likely unsolicited mail", reason: ReasonContent, source: gmail + ": 550 5.7.1"},
	{by: bySMTP, in: onRecipient, code: "5", text: "detected by zoho mail", reason: ReasonContent, source: zoho + ": a virus"},
	{by: bySMTP, in: onReceipt, code: "5", status: "7.x", reason: ReasonContent, source: rfc3463 + ": a policy"},
	{by: bySMTP, in: onReceipt, code: "4", reason: ReasonExpired, source: "RFC 3464: the queue gave up on a passing trouble"},
	{by: bySMTP, in: onReceipt, reason: ReasonUndelivered, source: "any other bounce"},

	// All else, by the phase in which it is said.
	{by: bySMTP, in: onConnect | onAuth, code: "5", reason: ReasonConfig, source: "RFC 5321, 3.1; RFC 4954"},
	{by: bySMTP, in: onMail, code: "5", reason: ReasonSender, source: "RFC 5321, 3.3"},
	{by: bySMTP, in: onConnect | onAuth | onMail, code: "4", status: "7.x", reason: ReasonRateLimited, source: rfc3463 + ": a policy"},
	{by: bySMTP, in: onConnect | onAuth | onMail, code: "4", reason: ReasonTransient, source: "RFC 5321, 4.2.1"},
	{by: bySMTP, code: "4", reason: ReasonDeferred, source: "RFC 6647: greylisting; RFC 5321, 4.2.1"},
	{by: bySMTP, code: "5", reason: ReasonRefused, source: "RFC 5321, 4.2.1: for good, and no word whose fault it is"},

	// Services of text messages, by their own codes.
	{by: "twilio", code: "20003", reason: ReasonConfig, source: twilioDocs + "20003 (credentials)"},
	{by: "twilio", code: "20005", reason: ReasonConfig, source: twilioDocs + "20005 (the account is not active)"},
	{by: "twilio", code: "20429", reason: ReasonRateLimited, source: twilioDocs + "20429"},
	{by: "twilio", code: "21211", reason: ReasonRecipient, source: twilioDocs + "21211 (no valid number)"},
	{by: "twilio", code: "21212", reason: ReasonSender, source: twilioDocs + "21212 (the From number is not valid)"},
	{by: "twilio", code: "21217", reason: ReasonRecipientNo, source: twilioDocs + "21217 (does not appear to be valid: a guess)"},
	{by: "twilio", code: "21408", reason: ReasonNoRoute, source: twilioDocs + "21408 (the country is not switched on for this account)"},
	{by: "twilio", code: "21606", reason: ReasonSender, source: twilioDocs + "21606"},
	{by: "twilio", code: "21608", reason: ReasonConfig, some: true, source: twilioDocs + "21608 (a trial account sends to verified numbers only)"},
	{by: "twilio", code: "21610", reason: ReasonBlocked, source: twilioDocs + "21610 (answered STOP)"},
	{by: "twilio", code: "21611", reason: ReasonRateLimited, source: twilioDocs + "21611 (the queue of this sender is full)"},
	{by: "twilio", code: "21612", reason: ReasonNoRoute, source: twilioDocs + "21612 (cannot be reached from this sender)"},
	{by: "twilio", code: "21614", reason: ReasonRecipient, source: twilioDocs + "21614 (not a mobile number)"},
	{by: "twilio", code: "21617", reason: ReasonContent, source: twilioDocs + "21617 (too long)"},
	{by: "twilio", code: "21635", reason: ReasonRecipientNo, source: twilioDocs + "21635 (a landline)"},
	{by: "twilio", code: "21659", reason: ReasonSender, source: twilioDocs + "21659"},
	{by: "twilio", code: "21660", reason: ReasonSender, source: twilioDocs + "21660"},
	{by: "twilio", code: "30007", reason: ReasonContent, source: twilioDocs + "30007 (filtered)"},
	{by: "twilio", code: "63038", reason: ReasonQuota, source: twilioDocs + "63038 (the account's limit of a day)"},
	{by: "twilio", in: onReceipt, code: "30004", reason: ReasonUndelivered, source: twilioDocs + "30004 (opted out, switched off, or filtered)"},
	{by: "twilio", in: onReceipt, code: "30005", reason: ReasonRecipientNo, source: twilioDocs + "30005 (unknown, and may no longer exist)"},
	{by: "twilio", in: onReceipt, code: "30006", reason: ReasonRecipientNo, source: twilioDocs + "30006 (a landline, or not to be reached from a short code)"},
	{by: "twilio", in: onReceipt, code: "30034", reason: ReasonSender, source: twilioDocs + "30034 (the number is not registered)"},

	{by: "vonage", code: "1", reason: ReasonRateLimited, source: vonageDocs + " (throttled)"},
	{by: "vonage", code: "2", reason: ReasonConfig, source: vonageDocs + " (the request lacks a parameter)"},
	{by: "vonage", code: "3", reason: ReasonRefused, source: vonageDocs + " (some parameter is not valid, it does not say which)"},
	{by: "vonage", code: "4", reason: ReasonConfig, source: vonageDocs + " (credentials)"},
	{by: "vonage", code: "5", reason: ReasonTransient, source: vonageDocs + " (internal error)"},
	{by: "vonage", code: "6", reason: ReasonRefused, source: vonageDocs + " (could not be processed, such as for a prefix that is not known)"},
	{by: "vonage", code: "7", reason: ReasonBlocked, source: vonageDocs + " (the number is barred)"},
	{by: "vonage", code: "8", reason: ReasonConfig, source: vonageDocs + " (the account is barred)"},
	{by: "vonage", code: "9", reason: ReasonConfig, source: vonageDocs + " (no credit)"},
	{by: "vonage", code: "10", reason: ReasonRateLimited, source: vonageDocs + " (too many connections)"},
	{by: "vonage", code: "11", reason: ReasonConfig, source: vonageDocs + " (the account is not for HTTP)"},
	{by: "vonage", code: "12", reason: ReasonContent, source: vonageDocs + " (too long)"},
	{by: "vonage", code: "14", reason: ReasonConfig, source: vonageDocs + " (signature)"},
	{by: "vonage", code: "15", reason: ReasonNoRoute, source: vonageDocs + " (this sender is not allowed where the number is)"},
	{by: "vonage", code: "22", reason: ReasonRefused, source: vonageDocs + " (network code, which usher does not send)"},
	{by: "vonage", code: "29", reason: ReasonConfig, some: true, source: vonageDocs + " (a trial account sends to its own list of numbers only)"},
	{by: "vonage", code: "32", reason: ReasonConfig, source: vonageDocs + " (signature and secret together)"},
	{by: "vonage", code: "33", reason: ReasonRecipient, source: vonageDocs + " (the number is no more in use)"},

	{by: "kannel", text: "not routable", reason: ReasonNoRoute, source: kannelRun + ": 403, no SMSC takes the number, or it is stopped"},
	{by: "kannel", text: "authorization failed", reason: ReasonConfig, source: kannelRun + ": 403"},
	{by: "kannel", text: "white- and/or black-lists", reason: ReasonNoRoute, source: kannelRun + ": 400"},
	{by: "kannel", text: "empty receiver number", reason: ReasonRecipientNo, source: kannelRun + ": 400"},
	{by: "kannel", text: "missing receiver number", reason: ReasonRecipientNo, source: kannelRun + ": 400"},
	{by: "kannel", code: "HTTP 400", reason: ReasonRefused, source: kannelRun},
	{by: "kannel", code: "HTTP 404", reason: ReasonRefused, source: "Kannel's user guide, \"Using the HTTP interface to send SMS messages\""},
	{by: "kannel", code: "HTTP 503", reason: ReasonTransient, source: "Kannel's user guide, \"Using the HTTP interface to send SMS messages\""},

	// A service of one's own may answer with usher's words.
	{by: "webhook", code: ReasonRecipient, reason: ReasonRecipient, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonBlocked, reason: ReasonBlocked, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonRecipientNo, reason: ReasonRecipientNo, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonContent, reason: ReasonContent, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonNoRoute, reason: ReasonNoRoute, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonRateLimited, reason: ReasonRateLimited, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonQuota, reason: ReasonQuota, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonConfig, reason: ReasonConfig, source: "docs/delivery.md"},
	{by: "webhook", code: ReasonTransient, reason: ReasonTransient, source: "docs/delivery.md"},
}
