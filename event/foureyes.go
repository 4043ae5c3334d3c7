package event

import (
	"slices"
	"strings"
	"time"
)

// FourEyes says that a decision about people of an inbox is made by two. It travels
// with the start of a run like all of Settings, so the run holds the rule and a page
// cannot leave it out.
type FourEyes struct {
	Rejections bool     `json:"rejections,omitempty"` // two have to reject, too; else one is enough, of any source
	Systems    []string `json:"systems,omitempty"`    // sources of which one may be one of the two; all of them together are one
}

// Asks tells whether a decision is one that two make. It may be called on nil.
func (f *FourEyes) Asks(verb string) bool {
	return f != nil && (verb == VerbApproved || verb == VerbRejected && f.Rejections)
}

// People is how many people have to take part in a decision.
func (f *FourEyes) People() int {
	if len(f.Systems) > 0 {
		return 1
	}
	return 2
}

// Voter is whom a decision speaks for: an account of the console, or one of the systems,
// which are all the same one here. It is "" for no one: a token and a command line name
// whom they like, and a source that is not one of the systems is not asked.
func (f *FourEyes) Voter(v Verification) string {
	switch {
	case v.Source == SourceConsole && v.Actor != "" && !strings.HasPrefix(v.Actor, TokenActor):
		return v.Source + ":" + v.Actor
	case v.Source != SourceConsole && slices.Contains(f.Systems, v.Source):
		return "a system"
	}
	return ""
}

// Uploaded tells whether v was said by the account that gave the file of a record.
func (v Verification) Uploaded(by string) bool {
	return by != "" && v.Source == SourceConsole && v.Actor == by
}

// TokenActor stands before the name of a token where it says who did something. No
// account has a name that begins so.
const TokenActor = "token."

// Vote is one of the two decisions that are needed, while the other one is not there.
type Vote struct {
	Verdict string    `json:"verdict"` // a verb
	By      string    `json:"by"`      // Verification.By
	At      time.Time `json:"at"`
}

// Why a decision does not count that two have to make, and why those that did count do
// so no more.
const (
	WhyUploader   = "uploader"    // of the account that gave the file
	WhySamePerson = "same_person" // who has said the same before
	WhyNoPerson   = "no_person"   // of a token, the command line, or a system that is not asked
	WhyCorrected  = "corrected"   // it was about what the record said before
)

// ExplainWhy says such a reason in words, as they follow "it does not count".
func ExplainWhy(why string) string {
	switch why {
	case WhyUploader:
		return "who uploaded the file does not decide about the people in it"
	case WhySamePerson:
		return "the other decision has to be another person's"
	case WhyNoPerson:
		return "it has to be said by a person who is signed in at the console, or by a system that was named for it; a token, the command line and other systems do not count"
	case WhyCorrected:
		return "the record was corrected meanwhile, so it was about another one"
	}
	return why
}
