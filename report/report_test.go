package report

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
	"usher/streams/streamstest"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// world is what the books say.
type world struct {
	people      map[string]event.Person
	bounds      streams.Bounds
	records     []streams.Record
	checkpoints []streams.Checkpoint
	dead        map[uint64]bool
	running     map[string]bool
	late        map[string]bool // running, but not listed yet
	facts       []event.Fact
	imported    map[string]int
}

func (w *world) People(_ context.Context, f func(string, event.Person) error) error {
	for id, p := range w.people {
		if err := f(id, p); err != nil {
			return err
		}
	}
	return nil
}
func (w *world) Person(_ context.Context, id string) (event.Person, bool, error) {
	p, ok := w.people[id]
	return p, ok, nil
}
func (w *world) Users(context.Context) (streams.Bounds, error) { return w.bounds, nil }
func (w *world) Imported(_ context.Context, after, until uint64, f func(streams.Record) error) error {
	for _, r := range w.records {
		if r.Seq > after && r.Seq <= until {
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return nil
}
func (w *world) Checkpoints(_ context.Context, f func(streams.Checkpoint) error) error {
	for _, c := range w.checkpoints {
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}
func (w *world) DeadRecords(context.Context) (map[uint64]bool, error) { return w.dead, nil }
func (w *world) Running(_ context.Context, f func(string)) error {
	for id := range w.running {
		f(id)
	}
	return nil
}
func (w *world) IsRunning(_ context.Context, id string) (bool, error) {
	return w.running[id] || w.late[id], nil
}
func (w *world) ImportedBetween(context.Context, time.Time, time.Time) (map[string]int, error) {
	return w.imported, nil
}
func (w *world) Facts(_ context.Context, _, _ time.Time, f func(event.Fact)) error {
	for _, x := range w.facts {
		f(x)
	}
	return nil
}

// healthy is a world with one file of n records, all dealt with.
func healthy(n int) *world {
	w := &world{people: map[string]event.Person{}, dead: map[uint64]bool{}, running: map[string]bool{}, late: map[string]bool{}}
	for i := 1; i <= n; i++ {
		id := fmt.Sprintf("u-%d", i)
		w.records = append(w.records, streams.Record{Seq: uint64(i), Inbox: "inbox", UserID: id, Import: "imp"})
		w.people[id] = event.Person{Source: "inbox", Status: event.StatusWaiting, Opened: event.Opened{Stored: noon.Add(-time.Hour)}}
		w.running[id] = true
	}
	last := uint64(n + 1)
	w.checkpoints = []streams.Checkpoint{{Checkpoint: event.Checkpoint{Import: "imp", File: "a.csv", Source: "inbox", Published: n, Done: true}, Seq: last}}
	w.bounds = streams.Bounds{Born: noon.Add(-time.Hour), First: 1, Last: last, Settled: last}
	return w
}

func look(t *testing.T, w *world, was State) State {
	t.Helper()
	at := noon
	if !was.At.IsZero() {
		at = was.At.Add(time.Hour)
	}
	now, err := Reconcile(t.Context(), w, was, at)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func kinds(s State) (out []string) {
	for _, f := range s.Missing {
		out = append(out, fmt.Sprintf("%s %s %d", f.Kind, f.UserID, f.Count))
	}
	slices.Sort(out)
	return out
}

func TestReconciliationProvesThatNothingIsLost(t *testing.T) {
	w := healthy(5)
	s := look(t, w, State{})
	if s.Lost() != 0 || s.Records != 5 || s.Files != 1 || s.Seq != 6 || len(s.Open) != 0 {
		t.Errorf("got %+v", s)
	}
	if !strings.HasPrefix(s.String(), "Nothing is lost: 5 records and 1 files were checked") {
		t.Error(s.String())
	}
	if again := look(t, w, s); again.Records != 5 || again.Files != 1 || again.Lost() != 0 {
		t.Errorf("the second look counted again: %+v", again)
	}
}

// Each line loses something on purpose, or looks as if; the finding must say it,
// and only it.
func TestReconciliationSaysWhatIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		harm func(*world)
		want []string
	}{
		"a record nobody knows":          {func(w *world) { delete(w.people, "u-3") }, []string{"record u-3 1"}},
		"that is a dead letter":          {func(w *world) { delete(w.people, "u-3"); w.dead[3] = true }, nil},
		"not dealt with yet":             {func(w *world) { delete(w.people, "u-5"); w.bounds.Settled = 4 }, nil},
		"the person is another inbox's":  {func(w *world) { p := w.people["u-2"]; p.Source = "hr"; w.people["u-2"] = p }, nil}, // its dead letter was dropped since
		"two messages of a file":         {func(w *world) { w.records = w.records[2:] }, []string{"file  2"}},
		"all messages of a file":         {func(w *world) { w.records = nil }, []string{"file  5"}},
		"a file that is not done":        {func(w *world) { w.checkpoints[0].Done = false; w.records = w.records[:3] }, nil},
		"a workflow":                     {func(w *world) { delete(w.running, "u-1") }, []string{"run u-1 1"}},
		"a workflow that is listed late": {func(w *world) { delete(w.running, "u-1"); w.late["u-1"] = true }, nil},
		"a workflow on its way": {func(w *world) {
			delete(w.running, "u-1")
			p := w.people["u-1"]
			p.Opened.Stored = noon
			w.people["u-1"] = p
		}, nil},
		"an onboarding that is over": {func(w *world) {
			delete(w.running, "u-1")
			p := w.people["u-1"]
			p.Status = event.StatusWelcomed
			w.people["u-1"] = p
		}, nil},
		"canary users leave no trace":     {func(w *world) { delete(w.people, "u-3"); w.records[2].Inbox = "canary"; w.checkpoints[0].Published = 4 }, nil},
		"purged before it was ever seen":  {func(w *world) { w.records = w.records[2:]; w.bounds.First = 3 }, nil},
		"imported again under another id": {func(w *world) { w.checkpoints[0].Import = "imp-2"; w.checkpoints[0].Published = 0 }, nil},
	} {
		w := healthy(5)
		tc.harm(w)
		s := look(t, w, State{})
		if d := cmp.Diff(tc.want, kinds(s)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if lost := strings.Contains(s.String(), "SOMETHING IS LOST"); lost != (tc.want != nil) {
			t.Errorf("%s: it says %s", name, s)
		}
	}
}

func TestAStreamThatWasMadeAnewIsSaid(t *testing.T) {
	w := healthy(5)
	s := look(t, w, State{})
	fresh := healthy(2)
	fresh.bounds.Born = noon
	got := look(t, fresh, s)
	if d := cmp.Diff([]string{"stream  6"}, kinds(got)); d != "" || got.Seq != 3 {
		t.Error(d, got.Seq)
	}
	w.bounds.Last, w.bounds.Settled, w.records = 3, 3, w.records[:3] // an older backup
	if got := look(t, w, s); got.ByKind()[LostStream] != 6 {
		t.Errorf("got %v", kinds(got))
	}
}

func TestFindingsEnd(t *testing.T) {
	w := healthy(5)
	p := w.people["u-3"]
	delete(w.people, "u-3")
	delete(w.running, "u-4")
	w.records = w.records[1:]
	s := look(t, w, State{})
	if d := cmp.Diff([]string{"file  1", "record u-3 1", "run u-4 1"}, kinds(s)); d != "" {
		t.Fatal(d)
	}
	s = look(t, w, s)
	if d := cmp.Diff([]string{"file  1", "record u-3 1", "run u-4 1"}, kinds(s)); d != "" {
		t.Error("forgotten at the next look:", d)
	}
	p.Source = "hr" // whose inbox it is does not matter
	w.people["u-3"], w.running["u-4"] = p, true
	s = look(t, w, s)
	if d := cmp.Diff([]string{"file  1"}, kinds(s)); d != "" {
		t.Error(d)
	}
	s.At = s.At.Add(told)
	if s = look(t, w, s); s.Lost() != 0 {
		t.Errorf("a week later it says %v", kinds(s))
	}
}

// A file comes in over several looks.
func TestAFileIsCountedWhenItIsDone(t *testing.T) {
	w := healthy(5)
	done := w.checkpoints[0]
	w.bounds.Settled, w.bounds.Last = 2, 2
	w.checkpoints[0].Done, w.checkpoints[0].Published, w.checkpoints[0].Seq = false, 2, 2
	s := look(t, w, State{})
	if s.Open["imp"] != 2 || s.Files != 0 {
		t.Fatalf("%+v", s)
	}
	w.bounds.Settled, w.bounds.Last, w.checkpoints[0] = 6, 6, done
	before := s.Open["imp"]
	if s2 := look(t, w, s); s2.Files != 1 || s2.Lost() != 0 || s2.Records != 5 || s.Open["imp"] != before {
		t.Errorf("%+v, and the earlier state now says %v", s2, s.Open)
	}
}

func TestKindsAreThoseOfTheMetric(t *testing.T) {
	if d := cmp.Diff(metrics.LostKinds, []string{LostRecord, LostFile, LostRun, LostStream}); d != "" {
		t.Error(d)
	}
}

func TestDigest(t *testing.T) {
	w := &world{people: map[string]event.Person{
		"gone":   {Source: "hr", Status: event.StatusWelcomed},
		"chosen": {Source: "hr", Status: event.StatusWaiting, Decided: &event.Decided{}},
		"nobody": {Source: event.SourceCanary, Status: event.StatusWaiting},
	}}
	for i := range 25 {
		w.people[fmt.Sprintf("hr-%02d", i)] = event.Person{Source: "hr", Status: event.StatusWaiting, Opened: event.Opened{Stored: noon.Add(-time.Duration(i) * time.Hour)}}
	}
	w.people["p-1"] = event.Person{Source: "partners", Status: event.StatusWaiting, Opened: event.Opened{Stored: noon.Add(-72 * time.Hour)}}
	waiting, err := WhoWaits(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := Digest(waiting, noon, "https://usher.example/")
	if !ok || m.Subject != "26 people wait for your decision" {
		t.Errorf("%v %q", ok, m.Subject)
	}
	for _, want := range []string{
		"hr: 25 people wait, the first one for 24 hours\n", "  24 hours  hr-24  https://usher.example/users/hr-24\n", "  and 5 more\n",
		"partners: 1 person waits, the first one for 3 days\n", "Decide at https://usher.example/users?status=waiting\n",
	} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("%q is missing in\n%s", want, m.Text)
		}
	}
	for _, never := range []string{"gone", "chosen", "nobody", "hr-04"} {
		if strings.Contains(m.Text, never) {
			t.Errorf("it names %s", never)
		}
	}
	if _, ok := Digest(nil, noon, ""); ok {
		t.Error("a digest about nobody")
	}
	if m, _ := Digest([]Waiting{{Inbox: "<hr>", Count: 1, Longest: []Wait{{"u-1", noon}}}}, noon, ""); strings.Contains(m.HTML, "<hr>") || strings.Contains(m.Text, "http") {
		t.Error(m.HTML)
	}
}

func TestDay(t *testing.T) {
	applied := func(kind string, s event.Status) event.Fact {
		return event.Fact{Kind: kind, Inbox: "hr", Status: s, Answers: event.AnswersVerification, Effect: event.EffectApplied}
	}
	w := healthy(2)
	w.imported = map[string]int{"inbox": 2, "hr": 9, "canary": 50}
	w.facts = []event.Fact{
		{Kind: event.FactStarted, Inbox: "hr", Status: event.StatusWaiting, Answers: event.AnswersUser, Effect: event.EffectApplied},
		{Kind: event.FactStarted, Inbox: "canary"},
		applied(event.FactApproved, event.StatusApproved), applied(event.FactApproved, event.StatusApproved), applied(event.FactRejected, event.StatusRejected),
		{Kind: event.FactActivated, Inbox: "hr", Status: event.StatusActive},
		{Kind: event.FactWelcomed, Inbox: "hr", Status: event.StatusWelcomed},
		{Kind: event.FactLate, Inbox: "hr", Status: event.StatusWelcomed, Answers: event.AnswersVerification, Effect: event.EffectLate},
		{Kind: event.FactFinished, Inbox: "hr", Status: event.StatusPartlyWelcomed}, {Kind: event.FactFinished, Inbox: "hr", Status: event.StatusUnreached},
		{Kind: event.FactFinished, Inbox: "hr", Status: event.StatusFailed}, {Kind: event.FactExpired, Inbox: "hr", Status: event.StatusExpired},
	}
	d, err := GatherDay(t.Context(), w, noon.Add(-24*time.Hour), noon)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(d.CSV()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"inbox", "imported", "started", "corrected", "approved", "rejected", "expired", "withdrawn", "activated", "welcomed", "partly_welcomed", "unreached", "failed", "late", "waiting", "oldest_waiting_seconds"},
		{"hr", "9", "1", "0", "2", "1", "1", "0", "1", "1", "1", "1", "1", "1", "0", "0"},
		{"inbox", "2", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "2", "3600"},
		{"all", "11", "1", "0", "2", "1", "1", "0", "1", "1", "1", "1", "1", "1", "2", "3600"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	m := d.Mail()
	if m.Subject != "Onboarding on 2026-07-01: 11 imported, 2 welcomed, 2 waiting" || !strings.Contains(m.Text, "was not checked yet") || m.CSVName != "onboarding-2026-07-01.csv" {
		t.Errorf("%s\n%s", m.Subject, m.Text)
	}
	d.Loss = Summary{At: noon, Since: noon, Missing: []Finding{{Kind: LostRun, UserID: "u-1", Inbox: "hr", Count: 1}}}
	if m := d.Mail(); !strings.HasPrefix(m.Subject, "SOMETHING IS LOST.") || !strings.Contains(m.Text, "u-1 (inbox hr) waits, but no workflow runs") {
		t.Errorf("%s\n%s", m.Subject, m.Text)
	}
}

// restored is a world whose USERS are real.
type restored struct {
	*world
	journal *streams.Journal
}

func (r restored) Users(ctx context.Context) (streams.Bounds, error) { return r.journal.Users(ctx) }

// A stream that was restored whole is the same one, although its server says that it
// was created just now. A regression of issue 14: a loss was told for a week.
func TestARestoredStreamIsNoLoss(t *testing.T) {
	js, _ := streamstest.Start(t)
	for range 6 {
		if _, err := js.Publish(t.Context(), event.ImportedSubject("inbox"), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	w := restored{healthy(5), streams.NewJournal(js)}
	reconcile := func(was State, at time.Time) State {
		now, err := Reconcile(t.Context(), w, was, at)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	was := reconcile(State{}, noon)
	was.Seq = 6
	natstest.Restore(t, js, event.StreamUsers)
	if now := reconcile(was, noon.Add(time.Hour)); now.Lost() != 0 {
		t.Errorf("after a restore: %q", kinds(now))
	}
	if err := js.DeleteStream(t.Context(), event.StreamUsers); err != nil {
		t.Fatal(err)
	}
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 32 << 20, AcceptLost: []string{event.StreamUsers}}); err != nil {
		t.Fatal(err)
	}
	if now := reconcile(was, noon.Add(time.Hour)); !slices.Equal(kinds(now), []string{"stream  6"}) {
		t.Errorf("after a loss: %q", kinds(now))
	}
}
