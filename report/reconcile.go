package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/event"
	"usher/streams"
)

// Kinds of findings: metrics.LostKinds.
const (
	LostRecord = "record" // imported and dealt with, and there is neither a person nor a dead letter
	LostFile   = "file"   // fewer records are in the stream than the import committed
	LostRun    = "run"    // a person's onboarding is open, and no workflow runs
	LostStream = "stream" // USERS is another one than before, or its end is gone
)

// Finding is something that should be there and is not.
type Finding struct {
	Kind   string    `json:"kind"`
	UserID string    `json:"user_id,omitempty"`
	Inbox  string    `json:"inbox,omitempty"`
	Import string    `json:"import,omitempty"`
	File   string    `json:"file,omitempty"`
	Seq    uint64    `json:"seq,omitempty"` // in USERS
	Count  int       `json:"count"`
	At     time.Time `json:"at"` // found
}

// String says what is missing and what to do.
func (f Finding) String() string {
	switch f.Kind {
	case LostRecord:
		return fmt.Sprintf("the record of %s from the inbox %s (import %s, message %d of USERS) was dealt with, and there is neither a person nor a dead letter for it: drop it again", f.UserID, f.Inbox, f.Import, f.Seq)
	case LostFile:
		return fmt.Sprintf("%d records of the import %s are gone from USERS, unless they were removed on purpose: usher redrop the file", f.Count, f.Import)
	case LostRun:
		return fmt.Sprintf("%s (inbox %s) waits, but no workflow runs: drop the record again", f.UserID, f.Inbox)
	}
	return fmt.Sprintf("USERS was made anew or restored: %d messages that were checked are gone", f.Count)
}

// State is what a reconciliation leaves for the next one.
type State struct {
	Born  time.Time      `json:"created"` // of USERS
	Seq   uint64         `json:"seq"`     // in USERS; checked up to here
	Open  map[string]int `json:"open"`    // records seen of imports that are not done, by import
	Blind []string       `json:"blind"`   // of these, imports of which some records were purged before they were seen
	Summary
}

// Summary is the result that people are told.
type Summary struct {
	At       time.Time `json:"at"` // the last look; zero: there was none
	Since    time.Time `json:"since"`
	Records  int       `json:"records"`  // checked since
	Files    int       `json:"files"`    // whose records were counted, all there
	Unproven int       `json:"unproven"` // files whose records were purged before they were counted
	Missing  []Finding `json:"missing"`  // now
	More     int       `json:"more"`     // findings beyond those kept
}

// Most findings that are kept; more are counted.
const mostFindings = 1000

// told is how long findings that nothing can take back are told.
const told = 7 * 24 * time.Hour

// Lost is how much is missing now.
func (s Summary) Lost() int {
	n := s.More
	for _, f := range s.Missing {
		n += f.Count
	}
	return n
}

// ByKind is how much is missing now, by kind.
func (s Summary) ByKind() map[string]int {
	out := map[string]int{}
	for _, f := range s.Missing {
		out[f.Kind] += f.Count
	}
	return out
}

// String is the result in words.
func (s Summary) String() string {
	if s.At.IsZero() {
		return "Whether everything that was imported is accounted for was not checked yet."
	}
	checked := fmt.Sprintf("%d records and %d files were checked since %s, the last time at %s",
		s.Records, s.Files, s.Since.Format(time.DateOnly), s.At.Format("2006-01-02 15:04 MST"))
	if s.Unproven > 0 {
		checked += fmt.Sprintf("; of %d files the records were purged before they could be counted", s.Unproven)
	}
	if s.Lost() == 0 {
		return "Nothing is lost: " + checked + "."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SOMETHING IS LOST (%d). %s.\n", s.Lost(), checked)
	for i, f := range s.Missing {
		if i == most {
			fmt.Fprintf(&b, "  and %d more\n", len(s.Missing)-i+s.More)
			break
		}
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return strings.TrimRight(b.String(), "\n")
}

// Books are what is compared.
type Books interface {
	Source
	Person(ctx context.Context, userID string) (p event.Person, ok bool, err error)
	Users(ctx context.Context) (streams.Bounds, error)
	Imported(ctx context.Context, after, until uint64, f func(streams.Record) error) error
	Checkpoints(ctx context.Context, f func(streams.Checkpoint) error) error
	DeadRecords(ctx context.Context) (map[uint64]bool, error)
	// Running calls f with the user of every workflow that is open, perhaps with
	// some delay; IsRunning knows exactly.
	Running(ctx context.Context, f func(userID string)) error
	IsRunning(ctx context.Context, userID string) (bool, error)
}

// Grace is how long an onboarding may be on its way to its workflow.
const Grace = 5 * time.Minute

// Reconcile compares what was imported since the last time with what became of
// it: each record that the bridge has dealt with has a person or is a dead
// letter, each file has as many records as its checkpoint committed, and each
// person whose onboarding is open has a workflow. Findings of an earlier time
// that are there again are dropped.
func Reconcile(ctx context.Context, b Books, was State, now time.Time) (State, error) {
	r := &reconciliation{Books: b, state: was, now: now}
	for _, step := range []func(context.Context) error{r.begin, r.records, r.files, r.again, r.runs} {
		if err := step(ctx); err != nil {
			return was, err
		}
	}
	r.state.At = now
	r.state.More = max(0, len(r.found)-mostFindings)
	r.state.Missing = r.found[:min(len(r.found), mostFindings)]
	return r.state, nil
}

type reconciliation struct {
	Books
	state  State
	now    time.Time
	bounds streams.Bounds
	from   uint64 // what is checked this time lies after it
	found  []Finding
}

func (r *reconciliation) miss(f Finding) {
	f.At, f.Count = r.now, max(f.Count, 1)
	r.found = append(r.found, f)
}

// begin finds where to go on, and whether the stream is still the same.
func (r *reconciliation) begin(ctx context.Context) (err error) {
	if r.bounds, err = r.Users(ctx); err != nil {
		return err
	}
	s := &r.state
	if s.Since.IsZero() {
		s.Since, s.Born = r.now, r.bounds.Born
	}
	if !s.Born.Equal(r.bounds.Born) || r.bounds.Last < s.Seq {
		r.miss(Finding{Kind: LostStream, Count: int(s.Seq)})
		s.Born, s.Seq, s.Open, s.Blind = r.bounds.Born, 0, nil, nil
	}
	if s.Open == nil {
		s.Open = map[string]int{}
	} else {
		open := make(map[string]int, len(s.Open)) // the caller keeps the old one
		for k, v := range s.Open {
			open[k] = v
		}
		s.Open = open
	}
	r.from = s.Seq
	return nil
}

// records looks each record up.
func (r *reconciliation) records(ctx context.Context) error {
	purged := r.bounds.First > r.from+1
	if purged {
		for id := range r.state.Open {
			r.state.Blind = append(r.state.Blind, id)
		}
	}
	var suspects []streams.Record
	first := true
	err := r.Imported(ctx, r.from, r.bounds.Settled, func(rec streams.Record) error {
		if rec.Inbox == event.SourceCanary {
			return nil
		}
		if purged && first { // the file that the purge may have cut
			r.state.Blind = append(r.state.Blind, rec.Import)
		}
		first = false
		r.state.Open[rec.Import]++
		r.state.Records++
		known, err := r.known(ctx, rec.UserID)
		if err == nil && !known {
			suspects = append(suspects, rec)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.state.Seq = max(r.from, r.bounds.Settled)
	if len(suspects) == 0 {
		return nil
	}
	dead, err := r.DeadRecords(ctx)
	if err != nil {
		return err
	}
	for _, rec := range suspects {
		if !dead[rec.Seq] {
			r.miss(Finding{Kind: LostRecord, UserID: rec.UserID, Inbox: rec.Inbox, Import: rec.Import, Seq: rec.Seq})
		}
	}
	return nil
}

// known tells whether a person or a dead letter accounts for the record. A person of another inbox
// does: the bridge made a dead letter of the record (user_id_conflict), which may
// have been dropped or sent again since.
func (r *reconciliation) known(ctx context.Context, userID string) (bool, error) {
	_, ok, err := r.Person(ctx, userID)
	return ok, err
}

// files counts the records of imports that are done.
func (r *reconciliation) files(ctx context.Context) error {
	latest := map[string]streams.Checkpoint{}
	err := r.Checkpoints(ctx, func(c streams.Checkpoint) error {
		if c.Source == event.SourceCanary {
			return nil
		}
		latest[c.Import] = c
		return nil
	})
	if err != nil {
		return err
	}
	for id := range r.state.Open {
		if _, ok := latest[id]; !ok { // imported again since: the other import counts
			delete(r.state.Open, id)
		}
	}
	for id, c := range latest {
		seen, open := r.state.Open[id]
		if !c.Done || c.Seq > r.state.Seq || !open && c.Seq <= r.from {
			continue // not done, not checked yet, or checked before
		}
		delete(r.state.Open, id)
		lost := c.Published - seen
		switch {
		case lost == 0:
			r.state.Files++
		case slices.Contains(r.state.Blind, id) || c.Seq <= r.bounds.First:
			r.state.Unproven++
		case lost > 0:
			r.miss(Finding{Kind: LostFile, Inbox: c.Source, Import: id, File: c.File, Seq: c.Seq, Count: lost})
		default: // more than were committed: a dead letter that was sent again
			r.state.Files++
		}
	}
	r.state.Blind = slices.DeleteFunc(r.state.Blind, func(id string) bool { _, open := r.state.Open[id]; return !open })
	return nil
}

// again looks at earlier findings.
func (r *reconciliation) again(ctx context.Context) error {
	var dead map[uint64]bool
	for _, f := range r.state.Missing {
		switch f.Kind {
		case LostRecord:
			if dead == nil {
				var err error
				if dead, err = r.DeadRecords(ctx); err != nil {
					return err
				}
			}
			known, err := r.known(ctx, f.UserID)
			if err != nil {
				return err
			}
			if !known && !dead[f.Seq] {
				r.found = append(r.found, f)
			}
		case LostFile, LostStream:
			if r.now.Sub(f.At) < told {
				r.found = append(r.found, f)
			}
		}
	}
	return nil
}

// runs looks for the workflow of everybody whose onboarding is open.
func (r *reconciliation) runs(ctx context.Context) error {
	running := map[string]bool{}
	if err := r.Running(ctx, func(userID string) { running[userID] = true }); err != nil {
		return err
	}
	open := func(p event.Person) bool {
		return !p.Status.Final() && p.Source != event.SourceCanary && r.now.Sub(p.Opened.Stored) > Grace
	}
	var suspects []string
	err := r.Books.People(ctx, func(userID string, p event.Person) error {
		if open(p) && !running[userID] {
			suspects = append(suspects, userID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range suspects {
		if runs, err := r.IsRunning(ctx, id); err != nil || runs {
			if err != nil {
				return err
			}
			continue
		}
		p, ok, err := r.Person(ctx, id)
		if err != nil {
			return err
		}
		if ok && open(p) { // not ended meanwhile
			r.miss(Finding{Kind: LostRun, UserID: id, Inbox: p.Source})
		}
	}
	return nil
}
