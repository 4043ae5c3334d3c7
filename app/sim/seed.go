package sim

import (
	"fmt"
	"time"
)

// outcome is what a seed came to.
type outcome struct {
	failed []string // one sentence each
	trace  []string
	faults []string
	took   time.Duration // there
	steps  map[string]int
}

// run lives one seed in a folder of its own. It must be called in a bubble of
// testing/synctest.
func run(seed uint64, dir string, without bool, t *trace) (out outcome) {
	time.Sleep(time.Until(time.Date(2031, 5, 4, 9, 0, 0, 0, time.UTC))) // later than any file's time
	p := newPlan(seed)
	if without {
		p.faults, p.troubleFor, p.paused = nil, 0, ""
	}
	w, err := open(dir, p, t)
	if err != nil {
		out.failed = []string{"the stage: " + err.Error()}
		return out
	}
	defer func() {
		w.close()
		out.failed, out.trace, out.steps = w.trace.failed, w.trace.lines, p.steps
		for _, f := range p.faults {
			s := f.String()
			if !f.done {
				s += " (never came)"
			}
			out.faults = append(out.faults, s)
		}
		out.took = time.Since(w.trace.began)
	}()
	for _, name := range processNames {
		w.start(name)
	}
	if !w.waitUntil(func() bool {
		return w.inHand("USERS", "bridge-users") >= 0 && w.inHand("VERIFICATIONS", "bridge-verifications") >= 0
	}) {
		return out
	}
	if err := w.follow(); err != nil {
		w.must(err)
		return out
	}
	p.begin()
	people := w.cast()
	w.perform(people)
	if w.rest() {
		p.end()
		w.start("console")
		time.Sleep(10 * time.Second) // it reads everything
		w.judge(people)
	}
	w.trace.say("end", fmt.Sprintf("%d failures", len(w.trace.failed)))
	return out
}
