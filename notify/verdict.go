package notify

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
)

const bySMTP = "smtp"

// phase of an SMTP transaction in which a reply came.
type phase int

const (
	phaseConnect phase = iota
	phaseAuth
	phaseMail
	phaseRcpt
	phaseData
	phaseDot // from the final dot on
	phaseReceipt
)

// phases are a set of them; none means all but receipts.
type phases uint8

const (
	onConnect phases = 1 << phaseConnect
	onAuth    phases = 1 << phaseAuth
	onMail    phases = 1 << phaseMail
	onRcpt    phases = 1 << phaseRcpt
	onData    phases = 1 << phaseData
	onDot     phases = 1 << phaseDot
	onReceipt phases = 1 << phaseReceipt

	onRecipient = onRcpt | onData | onDot | onReceipt // where a reply may speak of the recipient
)

func (s phases) has(p phase) bool {
	if s == 0 {
		s = ^onReceipt
	}
	return s&(1<<p) != 0
}

// named is what a reply repeats of addresses, which say nothing of its meaning.
var named = regexp.MustCompile(`<[^>]*>|\S*@\S*`)

// smtpWord finds what a reply means. The reason is never "".
func smtpWord(p phase, code int, e smtp.EnhancedCode, text string) word {
	text = strings.ToLower(named.ReplaceAllString(text, ""))
	for _, w := range words {
		if w.by == bySMTP && w.in.has(p) && w.fits(code, e) && strings.Contains(text, w.text) {
			return w
		}
	}
	return word{reason: ReasonRefused}
}

func (w word) fits(code int, e smtp.EnhancedCode) bool {
	if !strings.HasPrefix(strconv.Itoa(code), w.code) {
		return false
	}
	if w.status == "" {
		return true
	}
	subject, detail, _ := strings.Cut(w.status, ".")
	first, last, ranged := strings.Cut(detail, "-") // as "606-649"
	switch {
	case subject != strconv.Itoa(e[1]):
		return false
	case detail == "x":
		return true
	case ranged:
		from, _ := strconv.Atoi(first)
		to, _ := strconv.Atoi(last)
		return from <= e[2] && e[2] <= to
	}
	return detail == strconv.Itoa(e[2])
}

// ofSome tells that a service's code may be of some recipients only.
func ofSome(preset, code string) bool {
	return slices.ContainsFunc(words, func(w word) bool { return w.some && w.by == preset && w.code == code })
}

// wordsOf collects what a service's codes, statuses or texts mean, for its preset.
func wordsOf(preset string) (codes, statuses, texts ReasonMap) {
	codes, statuses, texts = ReasonMap{}, ReasonMap{}, ReasonMap{}
	for _, w := range words {
		status, isStatus := strings.CutPrefix(w.code, "HTTP ")
		switch {
		case w.by != preset || w.in == onReceipt:
		case w.text != "":
			texts[w.text] = w.reason
		case isStatus:
			statuses[status] = w.reason
		default:
			codes[w.code] = w.reason
		}
	}
	return codes, statuses, texts
}

// receiptReason is why a message bounced, by an enhanced status code of RFC 3463.
func receiptReason(status string) string {
	var e smtp.EnhancedCode
	for i, part := range strings.SplitN(status, ".", 3) {
		e[i], _ = strconv.Atoi(part) // 0 says nothing, as a number that is none
	}
	return smtpWord(phaseReceipt, e[0]*100, e, "").reason
}

// twilioReceipt is why a text message was not delivered, by Twilio's code. A phone
// that is away (30003) or a carrier's unknown error says nothing about the number.
func twilioReceipt(code string) string {
	for _, w := range words {
		if w.by == "twilio" && w.code == code {
			return w.reason
		}
	}
	return ReasonUndelivered
}

// asked finds for how long a server's text asks to stay away, as greylisting does:
// "in 300 seconds", "for 5 minutes", "in 00:04:59".
var (
	askedClock = regexp.MustCompile(`\b(\d{1,2}):(\d{2}):(\d{2})\b`)
	askedUnits = regexp.MustCompile(`(?i)\b(\d{1,5})\s*(s|sec|second|m|min|minute|h|hour)s?\b`)
)

func askedPause(text string) time.Duration {
	if m := askedClock.FindStringSubmatch(text); m != nil {
		h, _ := strconv.Atoi(m[1])
		min, _ := strconv.Atoi(m[2])
		s, _ := strconv.Atoi(m[3])
		return time.Duration(h)*time.Hour + time.Duration(min)*time.Minute + time.Duration(s)*time.Second
	}
	if m := askedUnits.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}[strings.ToLower(m[2])[0]]
		return time.Duration(n) * unit
	}
	return 0
}

// VerdictTable is the vocabulary as tables of Markdown: reasons, and answers.
func VerdictTable() (reasons, answers []byte) {
	var r, a bytes.Buffer
	fmt.Fprintln(&r, "| reason | means | whose fault | what follows |\n| --- | --- | --- | --- |")
	for _, d := range event.DeliveryReasons {
		fmt.Fprintf(&r, "| `%s` | %s | %s | %s |\n", d.Name, d.Meaning, d.Whose, follows(d.Name))
	}
	fmt.Fprintln(&a, "| of | when | code | text | reason | source |\n| --- | --- | --- | --- | --- | --- |")
	for _, w := range words {
		reason := "`" + w.reason + "`"
		if w.some {
			reason += ", of several in a row"
		}
		fmt.Fprintf(&a, "| %s | %s | %s | %s | %s | %s |\n", w.by, w.in, strings.TrimSpace(codeOf(w)), w.text, reason, w.source)
	}
	return r.Bytes(), a.Bytes()
}

// codeOf is the code of a word as people write it: 5xx, x.1.1.
func codeOf(w word) string {
	code, status := w.code, w.status
	if w.by == bySMTP && len(code) == 1 {
		code += "xx"
	}
	if status != "" && len(w.code) == 1 {
		return w.code + "." + status
	}
	if status != "" {
		return code + " x." + status
	}
	return code
}

func (s phases) String() string {
	var names []string
	for p, name := range []string{"connecting", "signing in", "MAIL", "RCPT", "DATA", "the dot", "a receipt"} {
		if s != 0 && s.has(phase(p)) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// follows says what usher does about a reason.
func follows(reason string) string {
	e := effects[reason]
	switch {
	case reason == ReasonUnknown:
		return "by policy: see `unknown` above"
	case reason == ReasonMailboxFull:
		return "tried again after " + plain(e.pause)
	case reason == ReasonDeferred:
		return "this message is tried again, after the pause that the server names"
	case e.suppress:
		return "failed; the address is suppressed"
	case e.class == permanent:
		return "failed"
	case e.class == unproven:
		return "waits for [evidence](#proof-before-blame)"
	case e.class == spent:
		return "the next provider; failed when none can"
	case reason == ReasonRateLimited:
		return "the provider is paused as long as it says, else " + plain(e.pause)
	case reason == ReasonTransient:
		return "the next provider, or tried again; five in a row pause the provider"
	}
	says := "the provider is paused for " + plain(e.pause) + ", doubling to " + plain(e.most)
	if e.grows {
		says += fmt.Sprintf("; after a quarter of an hour for a %dth of the time that it lasts, at most %s", pausePart, plain(pauseMost))
	}
	if reason == ReasonConfig {
		says += "; after a refused password for " + plain(pauseSignIn) + ", doubling to " + plain(pauseMost)
	}
	return says
}

// plain is a time as people write it.
func plain(d time.Duration) string {
	if d >= time.Minute {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
