package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"usher/event"
)

// A decision on a page takes effect after a window, in which it can be taken back: by
// the key and by the button in the row, on the person's page and in the list of recent
// decisions. The event carries the window, and the run waits; so a console that is
// killed, or a tab that is closed, changes nothing.

// Recent is a decision that was made in a console.
type Recent struct {
	EventID   string
	UserID    string
	Name      string
	Verb      string
	Actor     string
	At        time.Time // it was said
	Effective time.Time // it takes effect
	State     string    // pending, applied, half, refused, late, undone; "" when that is not known yet
}

// Undoable tells whether the decision can still be taken back.
func (r Recent) Undoable() bool { return r.State == "pending" && time.Now().Before(r.Effective) }

func putRecent(tx *writing, eventID, verb string, b spoken, at time.Time) error {
	effective := at.Add(time.Duration(b.EffectiveAfter) * time.Second)
	_, err := tx.Exec(`INSERT INTO recent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, eventID, b.UserID, verb, b.Actor, at.UnixMicro(), effective.UnixMicro(), b.Bulk)
	return err
}

// recentSQL selects decisions with what became of each.
const recentSQL = `SELECT r.event_id, r.user_id, COALESCE(p.name, ''), r.verb, r.actor, r.at, r.effective,
	COALESCE((SELECT COALESCE(NULLIF(json_extract(f.body, '$.effect'), ''), json_extract(f.body, '$.fact')) FROM facts f
		WHERE f.event_id = r.event_id AND f.event_source = '` + event.SourceConsole + `' AND json_extract(f.body, '$.fact') != 'parked'
		ORDER BY json_extract(f.body, '$.fact') = 'pending', f.at LIMIT 1), '')
	FROM recent r LEFT JOIN people p USING (user_id) `

func (m *model) recentWhere(ctx context.Context, where string, args ...any) (out []Recent, err error) {
	s := sightOf(ctx)
	w := s.people("p.source")
	rows, err := m.db.QueryContext(ctx, recentSQL+`WHERE `+w.String()+` AND `+where, append(w.args, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Recent
		var at, effective int64
		if err := rows.Scan(&r.EventID, &r.UserID, &r.Name, &r.Verb, &r.Actor, &at, &effective, &r.State); err != nil {
			return nil, err
		}
		if s.masked {
			r.Name = maskWords(r.Name)
		}
		r.At, r.Effective = time.UnixMicro(at).UTC(), time.UnixMicro(effective).UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

// recent are the newest decisions that were made one by one.
func (m *model) recent(ctx context.Context, limit int) ([]Recent, error) {
	return m.recentWhere(ctx, `r.bulk = '' ORDER BY r.at DESC, r.event_id DESC LIMIT ?`, limit)
}

// undoable are the decisions that can still be taken back, by user.
func (m *model) undoable(ctx context.Context, now time.Time) (map[string]Recent, error) {
	all, err := m.recentWhere(ctx, `r.bulk = '' AND r.at > ? AND r.effective > ?`, now.Add(-event.MaxUndoWindow).UnixMicro(), now.UnixMicro())
	if err != nil {
		return nil, err
	}
	out := map[string]Recent{}
	for _, r := range all {
		if r.Undoable() {
			out[r.UserID] = r
		}
	}
	return out, nil
}

// undo takes a decision back. The same wish again is the same event.
func (k *Console) undo(ctx context.Context, actor, userID, decision string) (Answer, error) {
	a := Answer{UserID: userID, EventID: eventIDOf(decision, userID, event.VerbUndone)}
	if err := event.CheckUserID(userID); err != nil || decision == "" {
		return a, errNone
	}
	f, ok, err := k.say(ctx, a.EventID, "undo", event.VerbUndone, spoken{VerificationBody: event.VerificationBody{UserID: userID, Actor: actor, Undoes: decision}})
	switch {
	case err != nil:
		return a, err
	case !ok:
		a.Result, a.Message = "stored", "The wish to undo is stored; it was not answered yet."
	case f.Kind == event.FactUndone:
		a.Result, a.Status, a.Message = "undone", f.Status, "Undone: nothing has happened, and the person waits as before."
	case f.Status == event.StatusWaiting:
		a.Result, a.Status, a.Message = "late", f.Status, "Not undone: it is one of two decisions already, or did not count."
	default:
		a.Result, a.Status, a.Message = "late", f.Status, "Not undone. "+late(f)
	}
	return a, nil
}

// undoForm takes a decision back, and shows the user again with what became of that.
func (k *Console) undoForm(w http.ResponseWriter, r *http.Request) {
	userID := r.PathValue("user_id")
	a, err := k.undo(r.Context(), whoAsks(r).actor(), userID, r.PostFormValue("undoes"))
	switch {
	case k.toScript(w, r, a, err):
		return
	case err != nil:
		k.fail(w, r, err)
		return
	}
	k.sessions.Put(r.Context(), "message", a.Message)
	if r.PostFormValue("to") == "decisions" {
		http.Redirect(w, r, "/decisions", http.StatusSeeOther)
		return
	}
	k.back(w, r, userID)
}

const mostRecent = 100

// recentPage shows what was decided here, by anyone, and what can still be undone.
func (k *Console) recentPage(w http.ResponseWriter, r *http.Request) {
	all, err := k.model.recent(r.Context(), mostRecent)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.show(w, r, http.StatusOK, "recent", map[string]any{"Title": "Recent decisions", "Recent": all, "Window": seconds(k.UndoWindow), "Message": k.sessions.PopString(r.Context(), "message")})
}

// seconds says a window in words, "" for none.
func seconds(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d == time.Second:
		return "a second"
	case d%time.Minute == 0 && d > time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", int(d.Seconds()))
}
