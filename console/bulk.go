package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/console/bulk"
	"usher/event"
)

// A decision about many people is an operation: who they are is frozen on the server
// before anyone decides, and a console, whichever is up, carries it out (bulks). With an
// undo window the operation waits that long before it says anything. So to undo it means
// that nothing was sent, and ten thousand people need no timer each.

// choice says whom an operation is to be about: a filter, or people by their ids.
type choice struct {
	filter
	UserIDs []string
	request string // the fingerprint of the request that has a key; "": none
}

var (
	errChoice  = errors.New("say whom: give status, q, inbox, import or user_ids")
	errTooMany = fmt.Errorf("more than %s people match; narrow the choice", grouped(bulk.Most))
	errNoOne   = errors.New("no one matches")
	errOpen    = fmt.Errorf("%d operations are open; wait until one is done, or cancel one", mostOpen)
	errOver    = errors.New("the operation is over")
	errSending = errors.New("the operation has begun to send, so it cannot be undone; what is not sent yet can be cancelled")
)

// where are the conditions of a choice. Without a status it is about those who can still
// be decided about, unless they are named one by one.
func (c choice) where(now time.Time) terms {
	t := c.filter.where(now)
	if c.Status == "" && c.UserIDs == nil && c.Bulk == "" {
		t.add(`status IN ('', ?, ?)`, string(event.StatusParked), string(event.StatusWaiting))
	}
	if c.UserIDs != nil {
		t.in("user_id", c.UserIDs)
	}
	if c.Q != "" {
		found := searchOf(c.Q, c.sight).holds()
		t.add(found.String(), found.args...)
	}
	return t
}

// matched are the people of a choice, who has had the status longest first, and how many
// they are by inbox and by import.
type matched struct {
	people            []bulk.Person
	byInbox, byImport map[string]int
}

// choose reads whom a choice means now.
func (m *model) choose(ctx context.Context, c choice, now time.Time) (matched, error) {
	c.sight = sightOf(ctx)
	out := matched{byInbox: map[string]int{}, byImport: map[string]int{}}
	t := c.where(now)
	p := pool{from: "people INDEXED BY sqlite_autoindex_people_1"}
	if c.UserIDs == nil {
		var err error
		if p, err = m.whole(ctx, c.filter); err != nil {
			return out, err
		}
	}
	rows, err := m.db.QueryContext(ctx, `SELECT user_id, generation, source, import FROM `+p.from+` WHERE `+t.String()+` ORDER BY since, user_id LIMIT ?`, slices.Concat(p.args, t.args, []any{bulk.Most + 1})...)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for rows.Next() {
		var p bulk.Person
		var source, imported string
		if err := rows.Scan(&p.UserID, &p.Generation, &source, &imported); err != nil {
			return out, err
		}
		p.Generation = max(0, p.Generation)
		out.people = append(out.people, p)
		out.byInbox[source]++
		out.byImport[imported]++
	}
	if len(out.people) > bulk.Most {
		return out, errTooMany
	}
	return out, rows.Err()
}

// mostShares is how many inboxes and imports an operation's record names.
const mostShares = 12

// shares are the largest parts, and the rest as one.
func shares(of map[string]int) (out []bulk.Share) {
	for v, n := range of {
		out = append(out, bulk.Share{Value: v, N: n})
	}
	slices.SortFunc(out, func(a, b bulk.Share) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value))
	})
	if len(out) > mostShares {
		rest := bulk.Share{Rest: true}
		for _, s := range out[mostShares-1:] {
			rest.N += s.N
		}
		out = append(out[:mostShares-1], rest)
	}
	return out
}

// firstRows is how many people a preview shows.
const firstRows = 10

// freeze stores whom a choice means now, as a draft of an operation, or as one that
// begins when a decision comes with it.
func (k *Console) freeze(ctx context.Context, id, actor string, c choice, m matched, d *Decision) (bulk.Operation, error) {
	now := time.Now().UTC()
	o := bulk.Operation{ID: id, State: bulk.Draft, Actor: actor, Chosen: now, Request: c.request, Scope: bulk.Scope{
		Status: c.Status, Inbox: c.Source, Import: c.Import, Age: c.Age, Language: c.Language, By: c.Decider, Bulk: c.Bulk, Searched: c.Q != "", Selected: c.UserIDs != nil,
		ByInbox: shares(m.byInbox), ByImport: shares(m.byImport),
	}}
	for _, p := range m.people[:min(len(m.people), firstRows)] {
		o.Scope.First = append(o.Scope.First, p.UserID)
	}
	if d == nil {
		return k.bulks.store.Create(ctx, o, m.people)
	}
	if err := k.mayBegin(ctx, *d); err != nil {
		return o, err
	}
	k.decideAll(ctx, &o, actor, *d, now)
	made, err := k.bulks.store.Create(ctx, o, m.people)
	if err == nil && made.Begun.Equal(o.Begun) { // else the same request has come before
		k.auditBulk(ctx, "bulk", actor, made)
	}
	return made, err
}

// mayBegin refuses a decision that is none, and more operations than one looks after.
func (k *Console) mayBegin(ctx context.Context, d Decision) error {
	if err := d.check(); err != nil {
		return err
	}
	open, err := k.model.bulkOpen(ctx)
	if err == nil && len(open) >= mostOpen {
		err = errOpen
	}
	return err
}

// decideAll makes the decision about all people of an operation.
func (k *Console) decideAll(ctx context.Context, o *bulk.Operation, actor string, d Decision, now time.Time) {
	o.Via = whoIn(ctx).How
	o.State, o.Actor, o.Decision, o.Reason, o.Note = bulk.Waiting, actor, d.Decision, d.Reason, short(strings.TrimSpace(d.Note))
	o.Begun, o.Starts = now, now.Add(k.UndoWindow)
}

// begin decides about the people of a draft. The same again is no second decision.
func (k *Console) begin(ctx context.Context, actor, id string, d Decision) (bulk.Operation, error) {
	o, _, err := k.bulks.store.Get(ctx, id)
	switch {
	case err != nil:
		return o, err
	case o.State != bulk.Draft:
		return o, nil
	case o.Actor != actor:
		return o, bulk.ErrNone // a draft is its author's alone
	}
	if err := k.mayBegin(ctx, d); err != nil {
		return o, err
	}
	if err := k.bulks.store.Keep(ctx, o); err != nil {
		return o, err
	}
	now, first := time.Now().UTC(), false
	o, _, err = k.bulks.store.Change(ctx, id, func(o *bulk.Operation) error {
		if first = o.State == bulk.Draft; first {
			k.decideAll(ctx, o, actor, d, now)
		}
		return nil
	})
	if err == nil && first {
		k.auditBulk(ctx, "bulk", actor, o)
	}
	return o, err
}

// stop ends an operation before its end: undo takes back one that has sent nothing, else
// what is not sent yet is left out. The same again is no error.
func (k *Console) stop(ctx context.Context, actor, id string, undo bool) (bulk.Operation, error) {
	to, action := bulk.Cancelled, "bulk-cancel"
	if undo {
		to, action = bulk.Undone, "bulk-undo"
	}
	changed := false
	o, _, err := k.bulks.store.Change(ctx, id, func(o *bulk.Operation) error {
		changed = false
		switch {
		case o.State == bulk.Draft || !seesBulk(ctx, *o):
			return bulk.ErrNone
		case o.State == to:
			return nil
		case o.Over():
			return errOver
		case undo && o.State != bulk.Waiting:
			return errSending
		}
		changed = true
		o.State, o.Ended, o.EndedBy = to, time.Now().UTC(), actor
		if undo {
			o.Note, o.Final = "", &bulk.Counts{}
		}
		return nil
	})
	if err == nil && changed {
		k.auditBulk(ctx, action, actor, o)
		if undo {
			k.Metrics.BulkEnded.WithLabelValues(string(bulk.Undone)).Inc()
		}
	}
	return o, err
}

// ended records the end of an operation that a console has carried out.
func (k *Console) ended(ctx context.Context, o bulk.Operation) {
	k.Metrics.BulkEnded.WithLabelValues(string(o.State)).Inc()
	k.auditBulk(ctx, "bulk-end", o.Actor, o)
}

// auditBulk records what happened to an operation. Whom it is about is in the events,
// which name it.
func (k *Console) auditBulk(ctx context.Context, action, actor string, o bulk.Operation) {
	what := map[string]string{"bulk": o.ID, "decision": o.Decision, "matched": strconv.Itoa(o.Matched), "state": string(o.State)}
	if o.Final != nil {
		what["sent"], what["applied"], what["half"], what["late"], what["failed"] = strconv.Itoa(o.Final.Sent), strconv.Itoa(o.Final.Applied), strconv.Itoa(o.Final.Half), strconv.Itoa(o.Final.Late), strconv.Itoa(o.Final.Failed)
	}
	k.audit(ctx, action, actor, what)
}

// standing is how an operation stands: its record, and what is known of its decisions.
func (k *Console) standing(ctx context.Context, id string) (o bulk.Operation, c bulk.Counts, err error) {
	o, _, err = k.bulks.store.Get(ctx, id)
	switch {
	case err != nil:
		return o, c, err
	case !seesBulk(ctx, o), o.State == bulk.Draft && o.Actor != whoIn(ctx).actor():
		return o, c, bulk.ErrNone
	case o.Final != nil:
		return o, *o.Final, nil
	}
	c, err = k.model.bulkCounts(ctx, id)
	return o, c, err
}

// seesBulk tells whether the one who asks sees all inboxes of an operation's people.
func seesBulk(ctx context.Context, o bulk.Operation) bool {
	s := sightOf(ctx)
	return !s.limited || !slices.ContainsFunc(o.Scope.ByInbox, func(x bulk.Share) bool { return x.Rest || !slices.Contains(s.inboxes, x.Value) })
}
