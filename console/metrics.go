package console

import (
	"context"
	"net/http"
	"time"

	"usher/event"
)

// The page of figures is for people without Grafana. It is drawn from the read
// model, so it is there after a restart and wherever the console runs.

// window is what the page shows: hours, in as many bars as can be told apart.
type window struct {
	Name  string
	Hours int
	step  time.Duration
}

var windows = []window{
	{"1 hour", 1, 5 * time.Minute}, {"24 hours", 24, time.Hour}, {"7 days", 7 * 24, 6 * time.Hour}, {"30 days", 30 * 24, 24 * time.Hour},
}

func (k *Console) metricsPage(w http.ResponseWriter, r *http.Request) {
	chosen := windows[1]
	for _, x := range windows {
		if r.URL.Query().Get("show") == x.Name {
			chosen = x
		}
	}
	charts, err := k.model.charts(r.Context(), chosen, time.Now().In(zoneOf(r)))
	if err != nil {
		k.fail(w, r, err)
		return
	}
	storms, err := k.model.storms(r.Context(), time.Now())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.show(w, r, http.StatusOK, "metrics", map[string]any{"Title": "Figures", "Storms": storms, "Charts": charts, "Windows": windows, "Chosen": chosen.Name})
}

// charts are the figures, with times in the zone of now.
func (m *model) charts(ctx context.Context, w window, now time.Time) ([]chart, error) {
	flow, failed, err := m.flow(ctx, w, now)
	if err != nil {
		return nil, err
	}
	people, err := m.byStatus(ctx)
	if err != nil {
		return nil, err
	}
	status := bars("Users by status", "How many users have each status now.")
	for _, s := range event.Statuses() {
		status.add(string(s), "users", float64(people[s]))
	}
	wait, err := m.waits(ctx, now)
	if err != nil {
		return nil, err
	}
	letters, err := m.lettersByReason(ctx)
	if err != nil {
		return nil, err
	}
	return []chart{flow.draw(), status.draw(), wait.draw(), failed.draw(), letters.draw()}, nil
}

// flow counts what happened in each step of the window.
func (m *model) flow(ctx context.Context, w window, now time.Time) (flow, failed *figure, err error) {
	flow = bars("Arrivals, decisions and ends", "Users in each step of the shown time. When arrivals stay above decisions, the queue grows.")
	failed = bars("Deliveries that failed", "Messages that did not go out, or are held, by channel and reason.")
	flow.overTime = true
	_, east := now.Zone()
	offset := time.Duration(east) * time.Second // steps of hours begin with an hour there
	from := now.Add(-time.Duration(w.Hours)*time.Hour + offset).Truncate(w.step).Add(-offset)
	layout := "2 Jan 15:04" // no label comes twice
	if w.Hours < 24 {
		layout = "15:04"
	}
	steps := int(now.Sub(from)/w.step) + 1
	for i := range steps {
		label := from.Add(time.Duration(i) * w.step).In(now.Location()).Format(layout)
		for _, s := range []string{"arrived", "decided", "welcomed", "ended otherwise"} {
			flow.add(label, s, 0)
		}
	}
	seen := sightOf(ctx).persons("user_id")
	rows, err := m.db.QueryContext(ctx, `SELECT (at - ?) / ?, json_extract(body, '$.fact'), coalesce(json_extract(body, '$.effect'), ''),
			coalesce(json_extract(body, '$.channel'), ''), coalesce(json_extract(body, '$.reason'), ''), coalesce(json_extract(body, '$.status'), ''), count(*)
		FROM facts WHERE at >= ? AND `+seen.String()+` GROUP BY 1, 2, 3, 4, 5, 6`, append([]any{from.UnixMicro(), w.step.Microseconds(), from.UnixMicro()}, seen.args...)...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var step, n int
		var kind, channel, reason string
		var effect event.Effect
		var status event.Status
		if err := rows.Scan(&step, &kind, &effect, &channel, &reason, &status, &n); err != nil {
			return nil, nil, err
		}
		if step >= steps { // a clock that is ahead
			step = steps - 1
		}
		label := flow.labels[step]
		switch kind {
		case event.FactStarted:
			flow.add(label, "arrived", float64(n))
		case event.FactApproved:
			flow.add(label, "decided", float64(n))
		case event.FactRejected, event.FactWithdrawn:
			flow.add(label, "decided", float64(n))
			flow.add(label, "ended otherwise", float64(n))
		case event.FactWelcomed:
			flow.add(label, "welcomed", float64(n))
		case event.FactFinished, event.FactExpired:
			flow.add(label, "ended otherwise", float64(n))
		case event.FactFailed:
			failed.add(channel+" "+reason, "messages", float64(n))
		}
	}
	return flow, failed, rows.Err()
}

// waits tells how long those who wait now have waited.
func (m *model) waits(ctx context.Context, now time.Time) (*figure, error) {
	f := bars("How long people wait", "Those who wait for a decision now.")
	limits := []struct {
		label string
		below time.Duration
	}{{"under 1 hour", time.Hour}, {"under 4 hours", 4 * time.Hour}, {"under 1 day", 24 * time.Hour}, {"under 3 days", 72 * time.Hour}, {"under 7 days", 168 * time.Hour}, {"7 days or more", 1 << 62}}
	newer := now.Add(time.Hour) // a clock that is ahead
	for _, l := range limits {
		older := time.UnixMicro(0)
		if l.below < 1<<62 {
			older = now.Add(-l.below)
		}
		var n int
		w := sightOf(ctx).people("source")
		err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE status = ? AND since > ? AND since <= ? AND `+w.String(), append([]any{string(event.StatusWaiting), older.UnixMicro(), newer.UnixMicro()}, w.args...)...).Scan(&n)
		if err != nil {
			return nil, err
		}
		f.add(l.label, "users", float64(n))
		newer = older
	}
	return f, nil
}

func (m *model) lettersByReason(ctx context.Context) (*figure, error) {
	f := bars("Dead letters", "Messages that could not be used and are kept, by reason.")
	w := sightOf(ctx).letters()
	rows, err := m.db.QueryContext(ctx, `SELECT reason, count(*) FROM deadletters WHERE `+w.String()+` GROUP BY reason ORDER BY reason`, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var reason string
		var n int
		if err := rows.Scan(&reason, &n); err != nil {
			return nil, err
		}
		f.add(reason, "messages", float64(n))
	}
	return f, rows.Err()
}
