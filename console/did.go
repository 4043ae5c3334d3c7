package console

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"usher/console/logins"
	"usher/console/trail"
)

// Did is an entry of the trail.
type Did struct {
	Seq                uint64
	At                 time.Time
	Action, Actor, Via string
	UserID             string
	More               []string // the rest of what it holds, as "name: value"
	Chained            bool
	Missed             string // how many before it could not be stored
}

// putTrailMessage puts an entry into the read model, which shows it. Whether it is true
// only the stream can tell.
func putTrailMessage(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
	var e map[string]string
	if json.Unmarshal(m.Data, &e) != nil {
		return nil, nil
	}
	action := strings.TrimPrefix(m.Subject, "audit.v1.")
	_, err := tx.Exec(`INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, meta.Sequence.Stream, meta.Timestamp.UnixMicro(), action, e[trail.FieldActor], e["user_id"], string(m.Data))
	return nil, err
}

// wanted is which entries a page shows.
type wanted struct {
	Actor, Action, User string
	Day                 string // in UTC, and before
	Before              uint64 // 0: from the newest on
}

func wantedOf(q url.Values) (w wanted, err error) {
	w = wanted{Actor: strings.TrimSpace(q.Get("actor")), Action: q.Get("action"), User: strings.TrimSpace(q.Get("user")), Day: q.Get("day")}
	if s := q.Get("before"); s != "" {
		if w.Before, err = strconv.ParseUint(s, 10, 63); err != nil {
			return w, errCursor
		}
	}
	if _, err := time.Parse(time.DateOnly, w.Day); w.Day != "" && err != nil {
		return w, errDay
	}
	return w, nil
}

// trail lists entries, the newest first; next is where the next page begins, 0 for none.
func (m *model) trail(ctx context.Context, w wanted, limit int) (out []Did, next uint64, err error) {
	var t terms
	for _, c := range [][2]string{{"actor", w.Actor}, {"action", w.Action}, {"user_id", w.User}} {
		if c[1] != "" {
			t.add(c[0]+" = ?", c[1])
		}
	}
	if day, err := time.Parse(time.DateOnly, w.Day); err == nil {
		t.add("at < ?", day.AddDate(0, 0, 1).UnixMicro())
	}
	if w.Before > 0 {
		t.add("seq < ?", w.Before)
	}
	rows, err := m.db.QueryContext(ctx, `SELECT seq, at, action, actor, user_id, body FROM trail WHERE `+t.String()+` ORDER BY seq DESC LIMIT ?`, append(t.args, limit+1)...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var d Did
		var at int64
		var body string
		if err := rows.Scan(&d.Seq, &at, &d.Action, &d.Actor, &d.UserID, &body); err != nil {
			return nil, 0, err
		}
		var e map[string]string
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			return nil, 0, err
		}
		d.At, d.Via, d.Missed = time.UnixMicro(at).UTC(), e[trail.FieldVia], e[trail.FieldMissed]
		_, d.Chained = e[trail.FieldPrev]
		for _, name := range slices.Sorted(maps.Keys(e)) {
			if !slices.Contains(shownApart, name) && e[name] != "" {
				d.More = append(d.More, name+": "+e[name])
			}
		}
		out = append(out, d)
	}
	if len(out) > limit {
		out = out[:limit]
		next = out[limit-1].Seq
	}
	return out, next, rows.Err()
}

// shownApart are the fields that the page has in columns of their own, or not at all.
var shownApart = []string{trail.FieldActor, trail.FieldAction, trail.FieldAt, trail.FieldVia, trail.FieldPrev, trail.FieldPlace, trail.FieldMissed, "user_id"}

// actions are those that the trail has.
func (m *model) actions(ctx context.Context) (out []string, err error) {
	return m.texts(ctx, `SELECT DISTINCT action FROM trail ORDER BY action`)
}

// trailKept is how long the read model keeps entries: as long as AUDIT does.
const trailKept = 400 * 24 * time.Hour

func (m *model) forgetTrail(ctx context.Context, now time.Time) error {
	return m.transaction(ctx, func(tx *writing) error {
		_, err := tx.Exec(`DELETE FROM trail WHERE at < ?`, now.Add(-trailKept).UnixMicro())
		return err
	})
}

func (k *Console) trailPage(w http.ResponseWriter, r *http.Request) {
	want, err := wantedOf(r.URL.Query())
	var did []Did
	var next uint64
	if err == nil {
		did, next, err = k.model.trail(r.Context(), want, perPage)
	}
	var actions []string
	if err == nil {
		actions, err = k.model.actions(r.Context())
	}
	var all logins.All
	if err == nil {
		all, err = k.login.store.Read(r.Context())
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	called := map[string]string{} // of those who come by a sign-on now: no entry has a name for people
	for _, l := range all.Logins {
		if !l.Local() && l.Called() != l.Name {
			called[l.Name] = l.Called()
		}
	}
	d := map[string]any{"Title": "Trail", "Did": did, "Actions": actions, "Want": want, "CalledOf": called}
	q := url.Values{}
	for _, p := range [][2]string{{"actor", want.Actor}, {"action", want.Action}, {"user", want.User}, {"day", want.Day}} {
		if p[1] != "" {
			q.Set(p[0], p[1])
		}
	}
	d["Filtered"] = len(q) > 0
	if next > 0 {
		q.Set("before", strconv.FormatUint(next, 10))
		d["Next"] = "/trail?" + q.Encode()
	}
	k.show(w, r, http.StatusOK, "trail", d)
}
