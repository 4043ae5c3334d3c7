package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// Mark is the outcome of a check.
type Mark string

// The marks. What is skipped could not be looked at, and the line says why.
const (
	OK      Mark = "ok"
	Warning Mark = "warning"
	Failed  Mark = "failed"
	Skipped Mark = "skipped"
)

// Sign is the mark as people see it.
func (m Mark) Sign() string {
	return map[Mark]string{OK: "√", Warning: "‼", Failed: "×", Skipped: "-"}[m]
}

// Check is one line of the doctor's. Its code stays what it is for ever.
type Check struct {
	Code     string
	Category string
	Title    string // what is so when all is well
	Do       string // when it is not; a sentence or two of docs/doctor.md

	looks []string             // that it rests on; one that ends in * stands for all that begin so
	skip  func(*Facts) string  // why it is not for this system; nil or "" when it is
	judge func(*Facts, *lines) // only when the looks came to an end
}

// lines collects what a check found.
type lines struct {
	mark  Mark
	says  string
	found []string
}

func (l *lines) bad(format string, args ...any) {
	l.mark, l.found = Failed, append(l.found, fmt.Sprintf(format, args...))
}

func (l *lines) warn(format string, args ...any) {
	if l.mark != Failed {
		l.mark = Warning
	}
	l.found = append(l.found, fmt.Sprintf(format, args...))
}

// say is what stands behind the title.
func (l *lines) say(format string, args ...any) { l.says = fmt.Sprintf(format, args...) }

// cannot says why nothing can be said.
func (l *lines) cannot(format string, args ...any) {
	if l.mark == Failed { // that is known, whatever is not
		return
	}
	l.mark = Skipped
	l.say(format, args...)
}

// Result is what became of a check.
type Result struct {
	Code     string   `json:"code"`
	Category string   `json:"category"`
	Mark     Mark     `json:"mark"`
	Title    string   `json:"title"`
	Says     string   `json:"says,omitempty"`     // a detail, or why it was skipped
	Problems []string `json:"problems,omitempty"` // each with its cause
	Hint     string   `json:"hint,omitempty"`     // where docs say what to do
}

// Report is all that the doctor has to say.
type Report struct {
	Healthy bool      `json:"healthy"` // no check failed
	Version string    `json:"version"`
	Taken   time.Time `json:"taken"`
	Pre     bool      `json:"pre"`
	Probe   bool      `json:"probe"`
	Checks  []Result  `json:"checks"`
}

// Failing are the codes of the checks that failed.
func (r Report) Failing() (out []string) {
	for _, c := range r.Checks {
		if c.Mark == Failed {
			out = append(out, c.Code)
		}
	}
	return out
}

// Judge makes a line of each check.
func Judge(f Facts) Report {
	r := Report{Healthy: true, Version: f.Version, Taken: f.Taken, Pre: f.Pre, Probe: f.Probe}
	for _, c := range Checks() {
		l := lines{mark: OK}
		if err := event.Protect("the check "+c.Code, func() error { c.of(&f, &l); return nil }); err != nil { // the others still tell something
			l.mark = OK
			l.cannot("%v", err)
		}
		result := Result{Code: c.Code, Category: c.Category, Mark: l.mark, Title: c.Title, Says: l.says, Problems: l.found}
		if l.mark == Failed || l.mark == Warning {
			result.Hint = "docs/doctor.md#" + strings.ToLower(c.Code)
		}
		r.Healthy = r.Healthy && l.mark != Failed
		r.Checks = append(r.Checks, result)
	}
	return r
}

func (c Check) of(f *Facts, l *lines) {
	if rests := c.Category; f.NATS.Own && slices.Contains([]string{"NATS", "streams"}, rests) || f.Temporal.Own && (slices.Contains([]string{"Temporal", "workers"}, rests) || c.Code == "DR0105") {
		l.cannot("`usher up` starts its own")
		return
	}
	if c.skip != nil {
		if why := c.skip(f); why != "" {
			l.cannot("%s", why)
			return
		}
	}
	for _, look := range f.Looks {
		if !slices.ContainsFunc(c.looks, func(name string) bool { return matches(name, look.Name) }) {
			continue
		}
		if look.Hung {
			l.bad("%s hangs: it did not end within %s", look.Name, look.Took.Round(time.Second/10))
		} else if look.Problem != "" {
			l.cannot("%s", look.Problem)
		}
	}
	if l.mark == OK {
		c.judge(f, l)
	}
}

func matches(name, look string) bool {
	if begin, ok := strings.CutSuffix(name, "*"); ok {
		return strings.HasPrefix(look, begin)
	}
	return name == look
}
