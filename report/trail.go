package report

import (
	"context"
	"fmt"
	"strings"
	"time"

	"usher/event"
)

// Head is an entry of the trail of who did what, by its place and its hash: while it is
// there, all before it is as it was.
type Head struct {
	Seq  uint64
	Hash string
	At   time.Time // when it was stored
}

// String is as `usher audit verify` takes it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// Trail is that record.
type Trail interface {
	// Last is its last entry, the zero Head when it has none.
	Last(ctx context.Context) (Head, error)
	// Holds tells whether an entry is there as it was.
	Holds(ctx context.Context, h Head) (bool, error)
}

// trailName is the name of what mails about the trail say, in KV REPORTS.
const trailName = "trail"

// notice is what the mails of one run say, so that each of its recipients reads the same
// however often it is tried.
type notice struct {
	Run    string
	At     time.Time
	Head   Head // zero: the trail has no entry
	Before Head // what the run before has told; zero: nothing
	Bent   bool // Before is not there any more
}

// TrailHead mails the head of the trail, with which one finds out later whether someone
// has cut its end off or written it anew. Only who keeps the mails apart from NATS has
// something that those who own NATS cannot change.
func (s *Jobs) TrailHead(ctx context.Context, j event.Job) error {
	t, err := s.tell(ctx, j)
	if err != nil {
		return err
	}
	return s.toAll(ctx, j, "trail", s.AuditTo, t.mail(s.Zone))
}

// tell decides what a run says, once.
func (s *Jobs) tell(ctx context.Context, j event.Job) (notice, error) {
	var last notice
	rev, err := s.Store.Load(ctx, trailName, &last)
	if err != nil || last.Run == j.Run {
		return last, err
	}
	now := notice{Run: j.Run, At: j.At, Before: last.Head}
	if now.Head, err = s.Trail.Last(ctx); err != nil {
		return now, err
	}
	if last.Head.Seq > 0 {
		holds, err := s.Trail.Holds(ctx, last.Head)
		if err != nil {
			return now, err
		}
		now.Bent = !holds || now.Head.Seq < last.Head.Seq
	}
	if err := s.Store.Store(ctx, trailName, rev, now); err != nil {
		return now, err
	}
	if now.Bent {
		s.Log.Error("the head of the trail that the last mail named is not there any more", "head", now.Before.String())
	}
	return now, nil
}

func (t notice) mail(zone *time.Location) Mail {
	var b strings.Builder
	day := t.At.In(zone)
	at := day.Format("2006-01-02 15:04 MST")
	subject := fmt.Sprintf("Trail of usher on %s: ", day.Format(time.DateOnly))
	check := ""
	if t.Bent {
		check = " --head " + t.Before.String()
		fmt.Fprintf(&b, "THE TRAIL IS NOT WHOLE. What the mail before this one named as its head is not there any more:\n\n  %s\n\n"+
			"Entries were changed or removed, or a backup was put back.\n\n", t.Before)
	}
	if t.Head.Seq > 0 {
		check += " --head " + t.Head.String()
		fmt.Fprintf(&b, "On %s the trail of who did what had this head, stored %s:\n\n  %s\n\n", at, t.Head.At.UTC().Format("2006-01-02 15:04:05 UTC"), t.Head)
		subject += fmt.Sprintf("head %d", t.Head.Seq)
	} else {
		fmt.Fprintf(&b, "On %s the trail of who did what had no entries.\n\n", at)
		subject += "no entries"
	}
	switch {
	case t.Bent:
		subject = "THE TRAIL IS NOT WHOLE. " + subject
	case t.Before.Seq > 0:
		fmt.Fprintf(&b, "%s since the mail before this one, whose head is still there:\n\n  %s\n\n", entries(t.Head.Seq-t.Before.Seq), t.Before)
		subject += ", " + entries(t.Head.Seq-t.Before.Seq) + " more"
	}
	if check != "" {
		fmt.Fprintf(&b, "This tells, today and later, whether all up to there is as it was. It needs NATS's account admin:\n\n  usher audit verify%s\n\n", check)
	}
	b.WriteString("Keep this mail where those who run NATS cannot change it. One comes each day; one that is missing has a cause.\n")
	return Mail{Subject: subject, Text: b.String(), HTML: asHTML(b.String())}
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
