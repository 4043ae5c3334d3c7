package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// Where two people have to decide, a decision of one is a vote. The second voter who
// says the same decides, and this is the only place that says who is a second one: an
// event on NATS, of any sender, is no more than a vote. Voters have one vote each, the
// last one. A vote is about a record; when that is corrected, it falls.
//
// What is told depends on what else came together: a correction goes before decisions.
// So it stands in the history before it is told.

// agree tells whether v decides, and with which earlier one when two have to. Otherwise
// it has answered v.
func (o *onboarding) agree(ctx workflow.Context, v event.Verification) (first *event.Verification, ok bool) {
	if !o.settings.FourEyes.Asks(v.Verb) {
		return nil, true
	}
	o.depends = true
	voter, why := o.vote(v)
	if why != "" {
		o.answerRefused(ctx, v, why)
		return nil, false
	}
	for _, other := range o.votes {
		if other.Verb == v.Verb { // of another voter, or vote had said so
			return &other, true
		}
	}
	o.votes = slices.DeleteFunc(o.votes, func(was event.Verification) bool { return o.settings.FourEyes.Voter(was) == voter })
	o.votes = append(o.votes, v)
	o.answer(ctx, event.AnswersVerification, event.FactHalf, event.EffectHalf, v.Identity)
	return nil, false
}

// vote is whom v speaks for, and why it does not count when two have to decide.
func (o *onboarding) vote(v event.Verification) (voter, why string) {
	rule := o.settings.FourEyes
	if !rule.Asks(v.Verb) {
		return "", ""
	}
	voter = rule.Voter(v)
	switch {
	case voter == "":
		return voter, event.WhyNoPerson
	case slices.ContainsFunc(o.uploaders, v.Uploaded):
		return voter, event.WhyUploader
	case slices.ContainsFunc(o.votes, func(was event.Verification) bool { return was.Verb == v.Verb && rule.Voter(was) == voter }):
		return voter, event.WhySamePerson
	}
	return voter, ""
}

// answerRefused answers a decision that does not count.
func (o *onboarding) answerRefused(ctx workflow.Context, v event.Verification, why string) {
	o.depends = true
	o.answer(ctx, event.AnswersVerification, event.FactRefused, event.EffectRefused, v.Identity)
	o.pending[len(o.pending)-1].Why = why
}

// uploadedBy notes who gave the file of a record that was taken.
func (o *onboarding) uploadedBy(u event.User) {
	if by := u.Import.UploadedBy; o.settings.FourEyes != nil && by != "" && !slices.Contains(o.uploaders, by) {
		o.uploaders = append(o.uploaders, by)
	}
}

// dropVotes takes back what a record makes void: votes, and decisions in windows. The fact
// that answers the record says that votes were dropped, and why.
func (o *onboarding) dropVotes(ctx workflow.Context, why string, void func(event.Verification) bool) {
	if o.settings.FourEyes == nil || o.status != event.StatusWaiting {
		return
	}
	windows := o.windows
	o.windows = nil
	for _, w := range windows {
		if o.settings.FourEyes.Asks(w.Verb) && void(w.Verification) {
			w.close()
			o.answerRefused(ctx, w.Verification, why)
		} else {
			o.windows = append(o.windows, w)
		}
	}
	n := len(o.votes)
	if o.votes = slices.DeleteFunc(o.votes, void); len(o.votes) < n {
		o.fell, o.depends = why, true
	}
}

// half is what was said of a user for whom two have to decide, while they wait.
func (o *onboarding) half() []event.Vote {
	if o.status != event.StatusWaiting {
		return nil
	}
	var out []event.Vote
	for _, v := range o.votes {
		out = append(out, event.Vote{Verdict: v.Verb, By: v.By(), At: v.When()})
	}
	return out
}
