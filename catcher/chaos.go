package catcher

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Phases of taking a message in which the catcher can be told to fail.
const (
	phaseConnect = "smtp.connect" // instead of the greeting
	phaseEHLO    = "smtp.ehlo"
	phaseMail    = "smtp.mail"
	phaseReuse   = "smtp.reuse" // MAIL on a connection that has taken a message before
	phaseRcpt    = "smtp.rcpt"
	phaseData    = "smtp.data" // instead of 354
	phaseDot     = "smtp.dot"  // from the body on
	phaseSMS     = "sms"
)

var phases = []string{phaseConnect, phaseEHLO, phaseMail, phaseReuse, phaseRcpt, phaseData, phaseDot, phaseSMS}

// Chaos makes the catcher fail as providers do. It is made of rules, one a line
// or separated by semicolons:
//
//	seed 7                                 # the same seed fails in the same places
//	smtp.rcpt 450 10%                      # a reply, in one passage of ten
//	smtp.rcpt 452 4.2.2 try 1              # at the first passage of each recipient
//	smtp.reuse 421 5%                      # 421 also closes the connection
//	smtp.dot drop 2%                       # the line dies, the message is not taken
//	smtp.dot lost 2%                       # taken, and the line dies before the 250
//	smtp.dot slow=3s try 1-2               # taken, and the 250 comes late
//	sms 429 retry-after=2s 10%
//	sms 500 2%                             # not taken
//	sms 500 taken 2%                       # taken, and said not to be
//	sms hang 1%                            # no answer while the client waits
//
// The phases are smtp.connect, .ehlo, .mail, .reuse, .rcpt, .data, .dot and sms.
//
// Whether a passage fails depends on the seed, the phase, the recipient and how
// often that recipient has passed the phase, so a run with the same recipients
// meets the same faults however its messages are interleaved. Before RCPT there
// is no recipient, and passages are counted over all connections.
type Chaos struct {
	seed  uint64
	rules []*rule

	mu       sync.Mutex
	passages map[string]int // by phase and recipient
}

// fault is what happens instead of the right thing.
type fault struct {
	kind       string // "code", "drop", "lost", "hang" or "slow"
	code       int
	enhanced   smtp.EnhancedCode
	taken      bool // of a code: the message is kept all the same
	retryAfter time.Duration
	delay      time.Duration // of slow
}

// rule says when a fault happens: with a probability, or at passages from..to.
type rule struct {
	text     string
	phase    string
	fault    fault
	share    float64
	from, to int
	hits     int
}

// ParseChaos reads rules. Its error names every line that is wrong.
func ParseChaos(text string) (*Chaos, error) {
	c := &Chaos{seed: 1, passages: map[string]int{}}
	var errs []error
	line := 0
	for l := range strings.SplitSeq(text, "\n") {
		line++
		l, _, _ = strings.Cut(l, "#")
		for part := range strings.SplitSeq(l, ";") {
			if err := c.add(strings.Fields(part)); err != nil {
				errs = append(errs, fmt.Errorf("line %d, %q: %w", line, strings.TrimSpace(part), err))
			}
		}
	}
	for _, p := range phases {
		sum := 0.0
		for _, r := range c.rules {
			if r.phase == p {
				sum += r.share
			}
		}
		if sum > 1+1e-9 {
			errs = append(errs, fmt.Errorf("the probabilities of %s add up to %.0f %%: at most one fault happens in a passage, so keep them within 100 %%", p, sum*100))
		}
	}
	return c, errors.Join(errs...)
}

func (c *Chaos) add(words []string) (err error) {
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "seed" && len(words) == 2:
		if c.seed, err = strconv.ParseUint(words[1], 10, 64); err != nil {
			return errors.New("the seed is a whole number")
		}
		return nil
	case len(words) < 3:
		return errors.New("a rule is PHASE FAULT WHEN, such as: smtp.rcpt 450 10%")
	case !slices.Contains(phases, words[0]):
		return fmt.Errorf("there is no phase %q, only %s", words[0], strings.Join(phases, ", "))
	}
	r := &rule{text: strings.Join(words, " "), phase: words[0]}
	rest, err := r.readFault(words[1:])
	if err == nil {
		err = r.readWhen(rest)
	}
	if err != nil {
		return err
	}
	c.rules = append(c.rules, r)
	return nil
}

// readFault takes the words of the fault off the front.
func (r *rule) readFault(words []string) (rest []string, err error) {
	f := &r.fault
	kind, value, _ := strings.Cut(words[0], "=")
	switch f.kind = kind; kind {
	case "drop", "hang":
	case "lost":
		if r.phase != phaseDot && r.phase != phaseSMS {
			return nil, fmt.Errorf("only %s and %s take a message, so only there its answer can be lost", phaseDot, phaseSMS)
		}
	case "slow":
		if f.delay, err = time.ParseDuration(value); err != nil || f.delay <= 0 {
			return nil, errors.New("give the delay with its unit, such as slow=3s")
		}
	default:
		f.kind = "code"
		if f.code, err = strconv.Atoi(kind); err != nil || f.code < 400 || f.code > 599 {
			return nil, fmt.Errorf("%q is not a fault: give a code of 400 to 599, drop, lost, hang or slow=3s", words[0])
		}
		f.enhanced = smtp.EnhancedCode{f.code / 100, 0, 0}
	}
	for words = words[1:]; len(words) > 0 && f.kind == "code"; words = words[1:] {
		name, value, _ := strings.Cut(words[0], "=")
		var e smtp.EnhancedCode
		switch n, _ := fmt.Sscanf(words[0], "%d.%d.%d", &e[0], &e[1], &e[2]); {
		case n == 3 && r.phase != phaseSMS:
			f.enhanced = e
		case name == "taken" && r.phase == phaseSMS:
			f.taken = true
		case name == "retry-after" && r.phase == phaseSMS:
			if f.retryAfter, err = time.ParseDuration(value); err != nil || f.retryAfter < time.Second {
				return nil, errors.New("give the pause in whole seconds, such as retry-after=2s")
			}
		default:
			return words, nil
		}
	}
	return words, nil
}

func (r *rule) readWhen(words []string) error {
	const help = "say when: a probability such as 10%, or passages such as try 1 or try 1-3"
	switch {
	case len(words) == 1 && strings.HasSuffix(words[0], "%"):
		p, err := strconv.ParseFloat(strings.TrimSuffix(words[0], "%"), 64)
		if err != nil || !(p > 0 && p <= 100) {
			return errors.New(help)
		}
		r.share = p / 100
		return nil
	case len(words) == 2 && words[0] == "try":
		from, to, isRange := strings.Cut(words[1], "-")
		var err1, err2 error
		r.from, err1 = strconv.Atoi(from)
		if r.to = r.from; isRange {
			r.to, err2 = strconv.Atoi(to)
		}
		if cmp.Or(err1, err2) == nil && r.from >= 1 && r.to >= r.from {
			return nil
		}
	}
	return errors.New(help)
}

// maxPassages bounds the memory of who passed how often; when it is reached,
// counting begins anew.
const maxPassages = 200_000

// draw says which fault happens at the next passage of phase, nil for none. key
// is the recipient, "" where there is none yet. A nil Chaos has no faults.
func (c *Chaos) draw(phase, key string) *fault {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.passages) >= maxPassages {
		clear(c.passages)
	}
	k := phase + "\x00" + key
	c.passages[k]++
	n := c.passages[k]
	for _, r := range c.rules {
		if r.phase == phase && r.from <= n && n <= r.to {
			r.hits++
			return &r.fault
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%d", c.seed, k, n))
	at := float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
	for _, r := range c.rules {
		if r.phase != phase || r.share == 0 {
			continue
		}
		if at < r.share {
			r.hits++
			return &r.fault
		}
		at -= r.share
	}
	return nil
}

// Hit is a rule and how often its fault has happened.
type Hit struct {
	Rule string
	Hits int
}

// hits lists the rules with their figures.
func (c *Chaos) hits() []Hit {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Hit
	for _, r := range c.rules {
		out = append(out, Hit{r.text, r.hits})
	}
	return out
}

// reply is the fault as SMTP says it.
func (f *fault) reply() *smtp.SMTPError {
	return &smtp.SMTPError{Code: f.code, EnhancedCode: f.enhanced, Message: "chaos"}
}
