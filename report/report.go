package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/event"
)

// Mail is a message to people who run an onboarding.
type Mail struct {
	Subject, Text, HTML string
	CSVName             string // of the attachment, "" when there is none
	CSV                 []byte
}

// People calls f with every record of PEOPLE.
type People interface {
	People(ctx context.Context, f func(userID string, p event.Person) error) error
}

// Waiting are the people of one inbox who wait for a decision.
type Waiting struct {
	Inbox   string
	Count   int
	Longest []Wait // those who wait longest, the first one first
}

// Wait is one of them.
type Wait struct {
	UserID string
	Since  time.Time
}

// most is how many people a digest names for each inbox.
const most = 20

// WhoWaits finds who waits for a decision, by inbox. Canary users do not count.
func WhoWaits(ctx context.Context, p People) ([]Waiting, error) {
	byInbox := map[string]*Waiting{}
	err := p.People(ctx, func(userID string, p event.Person) error {
		if !waits(p) {
			return nil
		}
		w := byInbox[p.Source]
		if w == nil {
			w = &Waiting{Inbox: p.Source}
			byInbox[p.Source] = w
		}
		w.Count++
		at, _ := slices.BinarySearchFunc(w.Longest, p.Opened.Stored, func(x Wait, t time.Time) int { return x.Since.Compare(t) })
		if at < most {
			w.Longest = slices.Insert(w.Longest, at, Wait{userID, p.Opened.Stored})
			w.Longest = w.Longest[:min(len(w.Longest), most)]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Waiting, 0, len(byInbox))
	for _, w := range byInbox {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Waiting) int { return strings.Compare(a.Inbox, b.Inbox) })
	return out, nil
}

func waits(p event.Person) bool {
	return p.Status == event.StatusWaiting && p.Decided == nil && p.Source != event.SourceCanary
}

// Digest is the mail to a person who decides about people of these inboxes; ok is
// false when no one waits. link is the console's address, "" for none.
func Digest(waiting []Waiting, at time.Time, link string) (m Mail, ok bool) {
	total := 0
	for _, w := range waiting {
		total += w.Count
	}
	if total == 0 {
		return Mail{}, false
	}
	m.Subject = fmt.Sprintf("%s for your decision", people(total, "waits", "wait"))
	var b strings.Builder
	for _, w := range waiting {
		if w.Count == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s: %s, the first one for %s\n", w.Inbox, people(w.Count, "waits", "wait"), span(at.Sub(w.Longest[0].Since)))
		for _, p := range w.Longest {
			fmt.Fprintf(&b, "  %s  %s%s\n", span(at.Sub(p.Since)), p.UserID, linked("  ", link, "/users/"+p.UserID))
		}
		if more := w.Count - len(w.Longest); more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
		b.WriteByte('\n')
	}
	if link != "" {
		fmt.Fprintf(&b, "Decide at %s/users?status=waiting\n", strings.TrimRight(link, "/"))
	}
	m.Text = b.String()
	m.HTML = asHTML(m.Text)
	return m, true
}

func linked(before, link, path string) string {
	if link == "" {
		return ""
	}
	return before + strings.TrimRight(link, "/") + path
}

func people(n int, one, many string) string {
	if n == 1 {
		return "1 person " + one
	}
	return fmt.Sprintf("%d people %s", n, many)
}

// span is a time as people say it, in its largest unit.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><body><pre style="font-family:monospace">{{.}}</pre></body></html>`))

// asHTML shows the text as it stands: reports are tables.
func asHTML(text string) string {
	var b bytes.Buffer
	if err := page.Execute(&b, text); err != nil {
		panic("report: a page of one string cannot fail: " + err.Error())
	}
	return b.String()
}

// Line is what one inbox went through in a day, and where it stands at its end.
type Line struct {
	Inbox                                          string
	Imported, Started, Corrected                   int // records; new onboardings; corrections of people who wait
	Approved, Rejected, Expired, Withdrawn         int
	Activated, Welcomed, PartlyWelcomed, Unreached int
	Failed                                         int // onboardings that ended as failed
	Late                                           int // decisions that came too late
	Waiting                                        int // now
	Oldest                                         time.Time
}

// columns of the CSV file, in order.
var columns = []struct {
	name  string
	value func(l Line, at time.Time) string
}{
	{"inbox", func(l Line, _ time.Time) string { return l.Inbox }},
	{"imported", number(func(l Line) int { return l.Imported })},
	{"started", number(func(l Line) int { return l.Started })},
	{"corrected", number(func(l Line) int { return l.Corrected })},
	{"approved", number(func(l Line) int { return l.Approved })},
	{"rejected", number(func(l Line) int { return l.Rejected })},
	{"expired", number(func(l Line) int { return l.Expired })},
	{"withdrawn", number(func(l Line) int { return l.Withdrawn })},
	{"activated", number(func(l Line) int { return l.Activated })},
	{"welcomed", number(func(l Line) int { return l.Welcomed })},
	{"partly_welcomed", number(func(l Line) int { return l.PartlyWelcomed })},
	{"unreached", number(func(l Line) int { return l.Unreached })},
	{"failed", number(func(l Line) int { return l.Failed })},
	{"late", number(func(l Line) int { return l.Late })},
	{"waiting", number(func(l Line) int { return l.Waiting })},
	{"oldest_waiting_seconds", func(l Line, at time.Time) string {
		if l.Oldest.IsZero() {
			return "0"
		}
		return strconv.Itoa(int(max(0, at.Sub(l.Oldest).Seconds())))
	}},
}

func number(f func(Line) int) func(Line, time.Time) string {
	return func(l Line, _ time.Time) string { return strconv.Itoa(f(l)) }
}

// Day is the end-of-day report.
type Day struct {
	From, Until time.Time
	Lines       []Line // by inbox
	Loss        Summary
}

// Source is where the figures of a day come from.
type Source interface {
	People
	ImportedBetween(ctx context.Context, from, until time.Time) (map[string]int, error)
	Facts(ctx context.Context, from, until time.Time, f func(event.Fact)) error
}

// GatherDay counts what happened from the one time to before the other.
func GatherDay(ctx context.Context, s Source, from, until time.Time) (Day, error) {
	d := Day{From: from, Until: until}
	lines := map[string]*Line{}
	line := func(inbox string) *Line {
		if lines[inbox] == nil {
			lines[inbox] = &Line{Inbox: inbox}
		}
		return lines[inbox]
	}
	imported, err := s.ImportedBetween(ctx, from, until)
	if err != nil {
		return d, err
	}
	for inbox, n := range imported {
		line(inbox).Imported = n
	}
	if err := s.Facts(ctx, from, until, func(f event.Fact) { line(f.Inbox).add(f) }); err != nil {
		return d, err
	}
	err = s.People(ctx, func(_ string, p event.Person) error {
		if waits(p) {
			l := line(p.Source)
			l.Waiting++
			if at := p.Opened.Stored; l.Oldest.IsZero() || at.Before(l.Oldest) {
				l.Oldest = at
			}
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	for inbox, l := range lines {
		if inbox != event.SourceCanary {
			d.Lines = append(d.Lines, *l)
		}
	}
	slices.SortFunc(d.Lines, func(a, b Line) int { return strings.Compare(a.Inbox, b.Inbox) })
	return d, nil
}

// add counts one fact.
func (l *Line) add(f event.Fact) {
	switch f.Kind {
	case event.FactStarted:
		l.Started++
	case event.FactUpdated:
		l.Corrected++
	case event.FactLate:
		l.Late++
	case event.FactActivated:
		l.Activated++
	}
	if f.Kind == event.FactApproved && f.Effect == event.EffectApplied {
		l.Approved++
	}
	ending := f.Effect == "" || f.Answers == event.AnswersVerification && f.Effect == event.EffectApplied
	if !f.Status.Final() || !ending {
		return
	}
	switch f.Kind { // each end is told by one of them
	case event.FactRejected:
		l.Rejected++
	case event.FactExpired:
		l.Expired++
	case event.FactWithdrawn:
		l.Withdrawn++
	case event.FactWelcomed:
		l.Welcomed++
	case event.FactFinished:
		switch f.Status {
		case event.StatusPartlyWelcomed:
			l.PartlyWelcomed++
		case event.StatusUnreached:
			l.Unreached++
		case event.StatusFailed:
			l.Failed++
		}
	}
}

// Total is the sum of all inboxes.
func (d Day) Total() Line {
	t := Line{Inbox: "all"}
	for _, l := range d.Lines {
		t.Imported, t.Started, t.Corrected = t.Imported+l.Imported, t.Started+l.Started, t.Corrected+l.Corrected
		t.Approved, t.Rejected, t.Expired, t.Withdrawn = t.Approved+l.Approved, t.Rejected+l.Rejected, t.Expired+l.Expired, t.Withdrawn+l.Withdrawn
		t.Activated, t.Welcomed, t.PartlyWelcomed, t.Unreached = t.Activated+l.Activated, t.Welcomed+l.Welcomed, t.PartlyWelcomed+l.PartlyWelcomed, t.Unreached+l.Unreached
		t.Failed, t.Late, t.Waiting = t.Failed+l.Failed, t.Late+l.Late, t.Waiting+l.Waiting
		if !l.Oldest.IsZero() && (t.Oldest.IsZero() || l.Oldest.Before(t.Oldest)) {
			t.Oldest = l.Oldest
		}
	}
	return t
}

// CSV is the report for spreadsheets: a line for each inbox, and one for all.
func (d Day) CSV() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	row := make([]string, len(columns))
	write := func(cell func(i int) string) {
		for i := range columns {
			row[i] = cell(i)
		}
		if err := w.Write(row); err != nil {
			panic("report: a buffer takes everything: " + err.Error())
		}
	}
	write(func(i int) string { return columns[i].name })
	for _, l := range append(slices.Clone(d.Lines), d.Total()) {
		write(func(i int) string { return columns[i].value(l, d.Until) })
	}
	w.Flush()
	return b.Bytes()
}

// Mail is the report for people, with the CSV file.
func (d Day) Mail() Mail {
	t := d.Total()
	day := d.Until.Format(time.DateOnly)
	var b strings.Builder
	fmt.Fprintf(&b, "From %s to %s.\n\n", d.From.Format("2006-01-02 15:04 MST"), d.Until.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "%s\n\n", d.Loss)
	at := func(l Line) string {
		if l.Oldest.IsZero() {
			return "-"
		}
		return span(d.Until.Sub(l.Oldest))
	}
	fmt.Fprintf(&b, "%-16s %9s %9s %9s %9s %9s %9s  %s\n", "inbox", "imported", "decided", "welcomed", "unreached", "failed", "waiting", "oldest")
	for _, l := range append(slices.Clone(d.Lines), t) {
		fmt.Fprintf(&b, "%-16s %9d %9d %9d %9d %9d %9d  %s\n", l.Inbox, l.Imported, l.Approved+l.Rejected, l.Welcomed+l.PartlyWelcomed, l.Unreached, l.Failed, l.Waiting, at(l))
	}
	fmt.Fprintf(&b, "\nDecided are %d approved and %d rejected; %d expired, %d were withdrawn. %d of the welcomed were reached on one channel only.\n", t.Approved, t.Rejected, t.Expired, t.Withdrawn, t.PartlyWelcomed)
	subject := fmt.Sprintf("Onboarding on %s: %d imported, %d welcomed, %d waiting", day, t.Imported, t.Welcomed+t.PartlyWelcomed, t.Waiting)
	if d.Loss.Lost() > 0 {
		subject = fmt.Sprintf("SOMETHING IS LOST. %s", subject)
	}
	return Mail{Subject: subject, Text: b.String(), HTML: asHTML(b.String()), CSVName: "onboarding-" + day + ".csv", CSV: d.CSV()}
}
