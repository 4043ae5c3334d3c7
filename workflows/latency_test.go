package workflows

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"usher/event"
	"usher/metrics"
)

// The time that an approval waits for its user makes no slow welcome.
func TestWelcomeLatency(t *testing.T) {
	decided := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	for name, opened := range map[string]time.Time{"the user first": decided.Add(-time.Hour), "the decision first": decided.Add(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			a := &Activities{Metrics: metrics.NewWorker(reg, metrics.NewShared(reg))}
			at := decided.Add(2 * time.Second)
			if opened.After(decided) {
				at = opened.Add(2 * time.Second)
			}
			a.count(event.Fact{Kind: event.FactWelcomed, Status: event.StatusWelcomed, Inbox: "inbox", OpenedAt: &opened, DecidedAt: &decided, At: at})
			var m dto.Metric
			if err := a.Metrics.WelcomeLatency.(prometheus.Metric).Write(&m); err != nil {
				t.Fatal(err)
			}
			if got := m.GetHistogram().GetSampleSum(); got != 2 {
				t.Errorf("it took %g s, want 2", got)
			}
		})
	}
}

// Messages go out side by side. Whichever writes the end, it comes after the last
// of them.
func TestTheEndComesAfterItsMessages(t *testing.T) {
	first := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	last := first.Add(time.Second)
	w := &world{person: event.Person{Generation: 1, Sends: map[string]event.Send{"sms": {State: event.SendAccepted, At: last}}}}
	reg := prometheus.NewRegistry()
	a := &Activities{Facts: w, People: w, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg))}
	done, err := a.end(t.Context(), Ending{UserID: "u-1", Generation: 1, Facts: []event.Fact{{Kind: event.FactWelcomed, Status: event.StatusWelcomed, At: first}}}, []string{"sms"})
	if err != nil || !done {
		t.Fatal(done, err)
	}
	if len(w.facts) != 1 || !w.facts[0].At.Equal(last) {
		t.Errorf("the facts are %+v, want one at %s", w.facts, last)
	}
}
