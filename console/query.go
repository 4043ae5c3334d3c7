package console

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"usher/event"
)

// User is one person as pages and the API show them.
type User struct {
	UserID     string            `json:"user_id"`
	Status     event.Status      `json:"status"`
	Since      time.Time         `json:"since"`
	Name       string            `json:"name,omitempty"`
	GivenName  string            `json:"given_name,omitempty"`
	FamilyName string            `json:"family_name,omitempty"`
	Email      string            `json:"email,omitempty"`
	Phone      string            `json:"phone,omitempty"`
	Locale     string            `json:"locale,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Source     string            `json:"source"`
	File       string            `json:"file,omitempty"`
	Import     string            `json:"import,omitempty"`
	Line       int               `json:"line,omitempty"`
	Generation int               `json:"generation"`
	DecidedBy  string            `json:"decided_by,omitempty"`
	Timeline   []Entry           `json:"timeline,omitempty"`

	Messages []event.Message `json:"messages,omitempty"`      // what the ledger says of them
	Trouble  *event.Trouble  `json:"trouble,omitempty"`       // why the account is not usable yet
	Away     string          `json:"messages_away,omitempty"` // why the ledger cannot be asked now

	Half []event.Vote `json:"half,omitempty"` // decisions that wait for a second person's

	Masked bool `json:"masked,omitempty"` // personal data is shown as masked forms
}

// Entry is a fact of a user's timeline, with the reason and the note of the decision
// that it answers.
type Entry struct {
	event.Fact
	Reason string `json:"reason,omitempty"` // of the decision, else of the fact
	Note   string `json:"note,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Via    string `json:"via,omitempty"` // how the actor signed in at the console
}

// Deciders are who has decided, or wanted to.
func (e Entry) Deciders() string {
	switch {
	case e.FirstBy != "":
		return e.FirstBy + " and " + e.DecidedBy
	case e.DecidedBy == "" && (e.Kind == event.FactHalf || e.Kind == event.FactRefused):
		return event.Verification{Identity: event.Identity{Source: e.EventSource}, Actor: e.Actor}.By()
	}
	return e.DecidedBy
}

// Because says why a decision does not count, or counts no more.
func (e Entry) Because() string {
	switch {
	case e.Why == "":
		return ""
	case e.Kind == event.FactRefused:
		return "does not count: " + event.ExplainWhy(e.Why)
	}
	return "what one of two had decided counts no more: " + event.ExplainWhy(e.Why)
}

// Import is one file that was taken.
type Import struct {
	ID        string    `json:"import"`
	File      string    `json:"file"`
	Source    string    `json:"source"`
	Rows      int       `json:"rows"`
	Record    int       `json:"record"` // the last one that was dealt with
	Published int       `json:"published"`
	Refused   int       `json:"refused"`
	Done      bool      `json:"done"` // nothing more happens
	StartedAt time.Time `json:"started_at"`

	State       string         `json:"state"`                  // one of event.Import…
	Percent     float64        `json:"percent,omitempty"`      // of the step that State says
	Rate        float64        `json:"rate,omitempty"`         // rows a second
	Left        float64        `json:"left_seconds,omitempty"` // until that step is done
	Code        string         `json:"code,omitempty"`         // of a file that was refused whole
	Reason      string         `json:"reason,omitempty"`       // why it waits, or was refused
	DuplicateOf string         `json:"duplicate_of,omitempty"`
	Errors      map[string]int `json:"errors,omitempty"`      // refused rows by code
	Next        string         `json:"next,omitempty"`        // what the operator does now
	Digest      string         `json:"sha256,omitempty"`      // of a file that is held
	UploadedBy  string         `json:"uploaded_by,omitempty"` // who gave it at the console
}

// Held reports whether the import waits for a person.
func (i Import) Held() bool { return i.State == event.ImportHeld }

// Work reports whether the import is in work now.
func (i Import) Work() bool { return !i.Done && i.State != event.ImportWaiting && !i.Held() }

// Stuck reports whether the import waits for something other than a person.
func (i Import) Stuck() bool { return i.State == event.ImportWaiting }

// LeftTime is how long its step will still take.
func (i Import) LeftTime() time.Duration {
	return time.Duration(i.Left * float64(time.Second)).Round(time.Second)
}

var errNone = errors.New("there is no such user")

const userColumns = `user_id, status, since, name, given_name, family_name, email, phone, locale, attributes, source, file, import, line, generation, decider, half`

// scanUser reads userColumns, and what a query asks for behind them.
func scanUser(row interface{ Scan(...any) error }, more ...any) (User, error) {
	var u User
	var since int64
	var attributes, half string
	err := row.Scan(append([]any{&u.UserID, &u.Status, &since, &u.Name, &u.GivenName, &u.FamilyName, &u.Email, &u.Phone, &u.Locale, &attributes, &u.Source, &u.File, &u.Import, &u.Line, &u.Generation, &u.DecidedBy, &half}, more...)...)
	if err != nil {
		return u, err
	}
	u.Since = time.UnixMicro(since).UTC()
	u.Generation = max(0, u.Generation)
	if half != "" {
		if err := json.Unmarshal([]byte(half), &u.Half); err != nil {
			return u, err
		}
	}
	return u, json.Unmarshal([]byte(attributes), &u.Attributes)
}

// user returns one person with the timeline.
func (m *model) user(ctx context.Context, userID string) (User, error) {
	s := sightOf(ctx)
	w := s.people("source")
	u, err := scanUser(m.db.QueryRowContext(ctx, `SELECT `+userColumns+` FROM people WHERE user_id = ? AND `+w.String(), append([]any{userID}, w.args...)...))
	if errors.Is(err, sql.ErrNoRows) {
		return u, errNone
	}
	if err != nil {
		return u, err
	}
	rows, err := m.db.QueryContext(ctx, `SELECT body, coalesce(reason, ''), coalesce(note, ''), coalesce(actor, ''), coalesce(via, '') FROM facts
		LEFT JOIN decisions ON decisions.event_id = facts.event_source || '/' || facts.event_id
		WHERE user_id = ? ORDER BY at, json_extract(body, '$.generation'), json_extract(body, '$.n')`, userID)
	if err != nil {
		return u, err
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		var e Entry
		if err := rows.Scan(&body, &e.Reason, &e.Note, &e.Actor, &e.Via); err != nil {
			return u, err
		}
		if err := json.Unmarshal([]byte(body), &e.Fact); err != nil {
			return u, err
		}
		e.Reason = cmp.Or(e.Reason, e.Fact.Reason)
		u.Timeline = append(u.Timeline, e)
	}
	s.mask(&u, m.knownReason)
	return u, rows.Err()
}

// reach refuses a user of an inbox that is not seen, as if there were none. A user whom
// no list has brought yet is for those who see all.
func (m *model) reach(ctx context.Context, userID string) error {
	s := sightOf(ctx)
	if !s.limited {
		return nil
	}
	w := s.people("source")
	var one int
	err := m.db.QueryRowContext(ctx, `SELECT 1 FROM people WHERE user_id = ? AND `+w.String(), append([]any{userID}, w.args...)...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return errNone
	}
	return err
}

// reachAll is reach for several: one who is not there is an error, so that nothing else is
// done than what was asked for.
func (m *model) reachAll(ctx context.Context, userIDs []string) error {
	w := sightOf(ctx).people("source")
	w.in("user_id", userIDs)
	var n int
	err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE `+w.String(), w.args...).Scan(&n)
	slices.Sort(userIDs)
	if err == nil && n < len(slices.Compact(userIDs)) {
		err = errNone
	}
	return err
}

// inboxes are those that people came by, as far as the one who asks sees them.
func (m *model) inboxes(ctx context.Context) (out []string, err error) {
	w := sightOf(ctx).people("source")
	return m.texts(ctx, `SELECT DISTINCT source FROM cube WHERE source != '' AND `+w.String()+` ORDER BY source`, w.args...)
}

// texts lists what a query with one column of text finds.
func (m *model) texts(ctx context.Context, query string, args ...any) (out []string, err error) {
	rows, err := m.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}

// answerTo returns the fact that says what became of one of the console's events.
func (m *model) answerTo(ctx context.Context, eventID string) (f event.Fact, ok bool, err error) {
	var body string
	err = m.db.QueryRowContext(ctx, `SELECT body FROM facts WHERE event_id = ? AND event_source = ? AND (json_extract(body, '$.effect') != '' OR json_extract(body, '$.fact') = 'pending')
		ORDER BY json_extract(body, '$.fact') = 'pending', at LIMIT 1`, eventID, event.SourceConsole).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	return f, true, json.Unmarshal([]byte(body), &f)
}

// imports lists the newest files first.
func (m *model) imports(ctx context.Context, limit int) ([]Import, error) {
	w := sightOf(ctx).people("source")
	return m.importsWhere(ctx, w.String()+` ORDER BY started DESC, id DESC LIMIT ?`, append(w.args, limit)...)
}

// importOf is one import; its error is errNoImport when there is none.
func (m *model) importOf(ctx context.Context, id string) (Import, error) {
	w := sightOf(ctx).people("source")
	found, err := m.importsWhere(ctx, w.String()+` AND id = ?`, append(w.args, id)...)
	if err == nil && len(found) == 0 {
		err = errNoImport
	}
	if err != nil {
		return Import{}, err
	}
	return found[0], nil
}

// importsWhere are those that a condition in SQL selects.
func (m *model) importsWhere(ctx context.Context, condition string, args ...any) ([]Import, error) {
	rows, err := m.db.QueryContext(ctx, `SELECT id, file, source, total, record, published, refused, done, started, state, progress FROM imports WHERE `+condition, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Import{}
	for rows.Next() {
		var i Import
		var started int64
		var body string
		if err := rows.Scan(&i.ID, &i.File, &i.Source, &i.Rows, &i.Record, &i.Published, &i.Refused, &i.Done, &started, &i.State, &body); err != nil {
			return nil, err
		}
		var p event.Progress
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			return nil, err
		}
		i.Percent, i.Rate, i.Left, i.Code, i.Reason, i.DuplicateOf, i.Errors, i.Next, i.Digest, i.UploadedBy = p.Percent, p.Rate, p.Left, p.Code, p.Reason, p.DuplicateOf, p.Errors, p.Next, p.Digest, p.UploadedBy
		if i.State == event.ImportPublishing && i.Done { // its end was not told, or an earlier version told of it behind the end
			i.State, i.Rate, i.Left = event.ImportArchived, 0, 0
			i.Percent = 100
		}
		if i.State == event.ImportPublishing && i.Rows > 0 { // checkpoints come more often
			i.Percent = 100 * float64(i.Record) / float64(i.Rows)
		}
		i.StartedAt = time.UnixMicro(started).UTC()
		out = append(out, i)
	}
	return out, rows.Err()
}

// nextWaiting is who has waited longest of those who wait, besides one; ok is
// false when no other user does.
func (m *model) nextWaiting(ctx context.Context, besides string) (u User, ok bool, err error) {
	s := sightOf(ctx)
	w := s.people("source")
	u, err = scanUser(m.db.QueryRowContext(ctx, `SELECT `+userColumns+` FROM people WHERE status = ? AND user_id != ? AND `+w.String()+` ORDER BY since, user_id LIMIT 1`,
		append([]any{event.StatusWaiting, besides}, w.args...)...))
	s.mask(&u, m.knownReason)
	if errors.Is(err, sql.ErrNoRows) {
		return u, false, nil
	}
	return u, err == nil, err
}

// figures are what the gauges show.
type figures struct {
	people  map[event.Status]int
	oldest  map[event.Status]time.Time // of the statuses that are not final
	letters int
}

// figures come from the kept counts.
func (m *model) figures(ctx context.Context) (figures, error) {
	f := figures{oldest: map[event.Status]time.Time{}}
	var err error
	if f.people, err = m.byStatus(ctx); err != nil {
		return f, err
	}
	for status, n := range f.people {
		if status.Final() || n == 0 {
			continue
		}
		var since int64
		if err := m.db.QueryRowContext(ctx, `SELECT coalesce(min(since), 0) FROM people WHERE status = ?`, status).Scan(&since); err != nil {
			return f, err
		}
		f.oldest[status] = time.UnixMicro(since)
	}
	f.letters, err = m.letterCount(ctx)
	return f, err
}

// byStatus counts people.
func (m *model) byStatus(ctx context.Context) (map[event.Status]int, error) {
	w := sightOf(ctx).people("source")
	rows, err := m.db.QueryContext(ctx, `SELECT status, sum(n) FROM cube WHERE `+w.String()+` GROUP BY status`, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[event.Status]int{}
	for rows.Next() {
		var status event.Status
		var n int
		if err := rows.Scan(&status, &n); err != nil {
			return nil, err
		}
		out[status] = n
	}
	return out, rows.Err()
}

// heads are what the head of each page counts.
func (m *model) heads(ctx context.Context) (waiting, letters int, err error) {
	w := sightOf(ctx).people("source")
	if err = m.db.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM cube WHERE status = ? AND `+w.String(), append([]any{event.StatusWaiting}, w.args...)...).Scan(&waiting); err != nil {
		return 0, 0, err
	}
	letters, err = m.letterCount(ctx)
	return waiting, letters, err
}
