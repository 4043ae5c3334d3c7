package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher/event"
)

// Deciding says in which inboxes two people decide. Bridges hold the rule; consoles say
// so, and keep enough people who can.
type Deciding struct {
	FourEyes        []string          `help:"Inboxes whose people are approved by two, neither of whom uploaded the file; with =both, two reject as well." placeholder:"INBOX[=approvals|both]"`
	FourEyesSystems map[string]string `help:"Sources of which one may be one of the two, joined by +; without it both are people who are signed in at the console." placeholder:"INBOX=SOURCE+SOURCE"`
}

// Kinds of decisions that two make.
const (
	twoApprove = "approvals"
	twoDecide  = "both"
)

// sayFourEyes says for which inboxes the bridge holds the rule: only the watcher knows which
// there are, and a name that is written wrong protects no one.
func (p *process) sayFourEyes() {
	rules, _ := p.Deciding.fourEyes() // they were checked
	for _, inbox := range slices.Sorted(maps.Keys(rules)) {
		p.Log.Info("two people decide about those of an inbox", "source", inbox)
	}
}

// fourEyes are the rules by inbox, and what is wrong with them.
func (d Deciding) fourEyes() (map[string]*event.FourEyes, []error) {
	out := map[string]*event.FourEyes{}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, s := range d.FourEyes {
		inbox, kind, named := strings.Cut(s, "=")
		switch err := event.CheckSource(inbox); {
		case err != nil:
			bad("--four-eyes: %w", err)
		case inbox == event.SourceCanary:
			bad("--four-eyes %s: canary users decide about themselves", inbox)
		case named && kind != twoApprove && kind != twoDecide:
			bad("--four-eyes %s: give %s or %s behind the =", inbox, twoApprove, twoDecide)
		case out[inbox] != nil:
			bad("--four-eyes %s: it is there twice", inbox)
		default:
			out[inbox] = &event.FourEyes{Rejections: kind == twoDecide}
		}
	}
	for inbox, sources := range d.FourEyesSystems {
		rule := out[inbox]
		if rule == nil {
			bad("--four-eyes-systems %s: the inbox needs --four-eyes %s as well", inbox, inbox)
			continue
		}
		rule.Systems = strings.Split(sources, "+")
		slices.Sort(rule.Systems)
		for _, s := range rule.Systems {
			if err := event.CheckSource(s); err != nil {
				bad("--four-eyes-systems %s: %w", inbox, err)
			} else if s == event.SourceConsole || s == event.SourceCLI {
				bad("--four-eyes-systems %s: %s is no system that decides by itself", inbox, s)
			}
		}
	}
	return out, errs
}
