package console

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"usher/event"
)

// Missed is a message that did not reach its person, as far as is known.
type Missed struct {
	UserID  string       `json:"user_id"`
	Message string       `json:"message"`
	Channel string       `json:"channel"`
	Reason  string       `json:"reason"`
	At      time.Time    `json:"at"`
	Status  event.Status `json:"status"`
	Inbox   string       `json:"inbox"`
	Import  string       `json:"import,omitempty"`

	name string
}

// Name is what pages call the person.
func (m Missed) Name() string {
	if m.name == "" {
		return m.UserID
	}
	return m.name
}

// About names the message in forms.
func (m Missed) About() string { return m.about().String() }

func (m Missed) about() event.About { return event.About{UserID: m.UserID, Message: m.Message} }

// Means says what the reason means.
func (m Missed) Means() string { return event.Explain(m.Reason) }

// missedSchema has, for each person and channel, the latest welcome when it did not
// arrive. Facts come in any order, so what a failure means is found out by all facts of
// the person; a later acceptance takes the row out.
const missedSchema = `
CREATE TABLE missed (user_id TEXT NOT NULL, channel TEXT NOT NULL, generation INTEGER NOT NULL, ordinal INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (user_id, channel)) WITHOUT ROWID, STRICT;
`

// putMissed keeps the table missed by a fact that is stored.
func putMissed(tx *writing, f event.Fact) error {
	if f.Channel == "" || f.Purpose != "" {
		return nil
	}
	switch f.Kind {
	case event.FactFailed, event.FactBounced:
		return missedOf(tx, f.UserID, f.Channel)
	case event.FactSent, event.FactDelivered:
		var one int
		err := tx.QueryRow(`SELECT 1 FROM missed WHERE user_id = ? AND channel = ?`, f.UserID, f.Channel).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) { // nearly always
			return nil
		}
		if err != nil {
			return err
		}
		return missedOf(tx, f.UserID, f.Channel)
	}
	return nil
}

// missedOf finds out how the latest welcome of a person on a channel ended.
func missedOf(tx *writing, userID, channel string) error {
	rows, err := tx.Query(`SELECT body FROM facts WHERE user_id = ? AND json_extract(body, '$.channel') = ?`, userID, channel)
	if err != nil {
		return err
	}
	defer rows.Close()
	// What is known later counts more; a bounce is never taken back.
	rank := map[string]int{event.FactFailed: 1, event.FactSent: 2, event.FactDelivered: 3, event.FactBounced: 4}
	var latest event.Fact
	place := func(f event.Fact) []int { return []int{f.Generation, max(1, f.Ordinal), rank[f.Kind]} }
	for rows.Next() {
		var body string
		var f event.Fact
		if err := rows.Scan(&body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &f); err != nil {
			return err
		}
		if f.Purpose == "" && rank[f.Kind] > 0 && slices.Compare(place(f), place(latest)) > 0 {
			latest = f
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM missed WHERE user_id = ? AND channel = ?`, userID, channel); err != nil {
		return err
	}
	if latest.Kind != event.FactFailed && latest.Kind != event.FactBounced || latest.Reason == event.ReasonNoProvider { // there was no message
		return nil
	}
	_, err = tx.Exec(`INSERT INTO missed VALUES (?, ?, ?, ?, ?, ?)`, userID, channel, latest.Generation, max(1, latest.Ordinal), latest.Reason, latest.At.UnixMicro())
	return err
}

// misses says which messages are meant: "" selects all of its kind.
type misses struct {
	Unknown                             bool // those that may have gone out, else those that failed
	Inbox, Import, Channel, Reason, Age string
	Whose                               string // whose fault it is
	Cursor                              string

	ids []string // only of these people; nil: of all
}

// missesOf reads which are meant out of an address or a form.
func missesOf(unknown bool, q url.Values) (w misses, err error) {
	w = misses{Unknown: unknown, Inbox: q.Get("inbox"), Import: q.Get("import"), Channel: q.Get("channel"), Reason: q.Get("reason"), Age: q.Get("age"), Whose: q.Get("whose"), Cursor: q.Get("cursor")}
	if _, known := bandOf(w.Age); w.Age != "" && !known || w.Channel != "" && w.Channel != event.ChannelEmail && w.Channel != event.ChannelSMS {
		return w, errFilter
	}
	return w, nil
}

// Any tells whether something is filtered.
func (w misses) Any() bool { return len(w.query()) > 0 }

// query is the filter as an address has it, without its place in the list.
func (w misses) query() url.Values {
	q := url.Values{}
	for _, p := range [][2]string{{"inbox", w.Inbox}, {"import", w.Import}, {"channel", w.Channel}, {"reason", w.Reason}, {"age", w.Age}, {"whose", w.Whose}} {
		if p[1] != "" {
			q.Set(p[0], p[1])
		}
	}
	return q
}

// path is the page of the kind.
func (w misses) path() string {
	if w.Unknown {
		return "/unknown"
	}
	return "/failed"
}

// list is the address of the list.
func (w misses) list() string {
	if q := w.query().Encode(); q != "" {
		return w.path() + "?" + q
	}
	return w.path()
}

// faults are whose fault a failure may be, each once.
func faults() (out []string) {
	for _, r := range event.DeliveryReasons {
		if !slices.Contains(out, r.Whose) {
			out = append(out, r.Whose)
		}
	}
	return out
}

// fromMissed joins the person, as messages can be sent again: in the same generation,
// and not withdrawn since.
const fromMissed = ` FROM missed CROSS JOIN people USING (user_id) WHERE people.generation = missed.generation AND `

// terms are those of a list. Reasons that the worker does not know, of a later version,
// are no one's fault.
func (w misses) terms(ctx context.Context, now time.Time) (terms, error) {
	t := sightOf(ctx).people("source")
	t.in("status", []string{string(event.StatusWelcomed), string(event.StatusPartlyWelcomed), string(event.StatusUnreached)})
	if w.Unknown {
		t.add("reason = ?", event.ReasonUnknown)
	} else {
		t.add("reason != ?", event.ReasonUnknown)
	}
	for _, c := range [][2]string{{"source", w.Inbox}, {"import", w.Import}, {"channel", w.Channel}, {"reason", w.Reason}} {
		if c[1] != "" {
			t.add(c[0]+" = ?", c[1])
		}
	}
	if w.Whose != "" {
		var reasons []string
		for _, r := range event.DeliveryReasons {
			if r.Whose == w.Whose {
				reasons = append(reasons, r.Name)
			}
		}
		t.in("reason", reasons)
	}
	if w.ids != nil {
		t.in("user_id", w.ids)
	}
	if b, ok := bandOf(w.Age); ok {
		from, before := b.minutes(now)
		t.add("at >= ? AND at < ?", from*microsPerMinute, before*microsPerMinute)
	}
	if w.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(w.Cursor)
		var at int64
		var user, channel string
		if err == nil {
			_, err = fmt.Sscan(string(raw), &at, &user, &channel)
		}
		if err != nil {
			return t, errCursor
		}
		t.add("(at, user_id, channel) > (?, ?, ?)", at, user, channel)
	}
	return t, nil
}

// missed lists the oldest first, and says where the next page begins.
func (m *model) missed(ctx context.Context, w misses, now time.Time, limit int) (out []Missed, next string, err error) {
	t, err := w.terms(ctx, now)
	if err != nil {
		return nil, "", err
	}
	s := sightOf(ctx)
	rows, err := m.db.QueryContext(ctx, `SELECT user_id, missed.generation, ordinal, channel, reason, at, status, source, import, name`+fromMissed+t.String()+` ORDER BY at, user_id, channel LIMIT ?`, append(t.args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var x Missed
		var generation, ordinal int
		var at int64
		if err := rows.Scan(&x.UserID, &generation, &ordinal, &x.Channel, &x.Reason, &at, &x.Status, &x.Inbox, &x.Import, &x.name); err != nil {
			return nil, "", err
		}
		if len(out) == limit {
			last := out[limit-1]
			next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s %s", last.At.UnixMicro(), last.UserID, last.Channel))
			break
		}
		if s.masked {
			x.name = maskWords(x.name)
		}
		x.Message, x.At = event.SendKey(generation, event.PurposeWelcome, x.Channel, ordinal), time.UnixMicro(at).UTC()
		out = append(out, x)
	}
	return out, next, rows.Err()
}

// missedCounts are how many messages are meant, by channel and by inbox.
type missedCounts struct {
	All      int
	Channels map[string]int
	Inboxes  map[string]int
}

func (m *model) countMissed(ctx context.Context, w misses, now time.Time) (c missedCounts, err error) {
	w.Cursor = ""
	c.Channels, c.Inboxes = map[string]int{}, map[string]int{}
	t, err := w.terms(ctx, now)
	if err != nil {
		return c, err
	}
	rows, err := m.db.QueryContext(ctx, `SELECT channel, source, count(*)`+fromMissed+t.String()+` GROUP BY channel, source`, t.args...)
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var channel, inbox string
		var n int
		if err := rows.Scan(&channel, &inbox, &n); err != nil {
			return c, err
		}
		c.All += n
		c.Channels[channel] += n
		c.Inboxes[inbox] += n
	}
	return c, rows.Err()
}

// missedNow are those of some messages that are still in the list, the oldest first.
func (m *model) missedNow(ctx context.Context, unknown bool, abouts []event.About) ([]Missed, error) {
	if len(abouts) == 0 {
		return nil, nil
	}
	var ids []string
	for _, a := range abouts {
		ids = append(ids, a.UserID)
	}
	all, _, err := m.missed(ctx, misses{Unknown: unknown, ids: ids}, time.Now(), 2*len(abouts))
	return slices.DeleteFunc(all, func(x Missed) bool { return !slices.Contains(abouts, x.about()) }), err
}
