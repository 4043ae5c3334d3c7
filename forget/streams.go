package forget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
)

// traces are what the streams hold about one person.
type traces struct {
	Marks
	Seqs map[string][]uint64 // messages by stream; without any of USERS no address is known
	Keys []string            // entries of KV DELIVERY

	Mentions map[string]int // messages by stream that mention the person and are about others; they stay

	// Ids of people with a record of their own whom a decision named by the same
	// address. What is about them stays.
	Others []string
}

// eraser finds and removes what the streams hold about one person. It reads whole
// streams, so it is for an operator's command.
type eraser struct{ js jetstream.JetStream }

// newEraser reads and deletes through js.
func newEraser(js jetstream.JetStream) *eraser { return &eraser{js} }

// find looks a person up by user id. known tells whether an id has a record.
//
// A decision may name by its address a person whose record has an id of its own,
// or before the record came. It then waits under an id derived of the address,
// which the fact that answers it tells; the person is known by that id too.
func (e *eraser) find(ctx context.Context, userID string, known func(context.Context, string) (bool, error)) (traces, error) {
	t := traces{Marks: Marks{IDs: []string{userID}}, Seqs: map[string][]uint64{}, Mentions: map[string]int{}}
	err := e.each(ctx, event.StreamUsers, "users.v1.imported.>", func(m streams.Message, at event.Position) {
		var u event.User
		if env, err := event.ParseEnvelope(m.Header, m.Data); err != nil || json.Unmarshal(env.Data, &u) != nil || u.UserID != userID {
			return
		}
		t.add(u)
		t.Seqs[event.StreamUsers] = append(t.Seqs[event.StreamUsers], at.Seq)
	})
	var byAddress []event.Identity
	err = errors.Join(err, e.each(ctx, event.StreamVerifications, "", func(m streams.Message, at event.Position) {
		if !t.sort(event.StreamVerifications, m, at) {
			return
		}
		env, err := event.ParseEnvelope(m.Header, m.Data)
		if err != nil {
			return
		}
		source, _, err := event.ParseVerificationSubject(m.Subject)
		if body, bad := event.ParseVerificationBody(env.Data); err == nil && bad == nil && body.UserID == "" {
			byAddress = append(byAddress, event.Identify(source, env.ID, env.MsgID, at))
		}
	}))
	if len(byAddress) > 0 {
		err = errors.Join(err, e.derived(ctx, &t, byAddress, known))
	}
	for _, stream := range []string{event.StreamOnboarding, event.StreamDeadLetters} {
		err = errors.Join(err, e.each(ctx, stream, "", func(m streams.Message, at event.Position) {
			t.sort(stream, m, at)
		}))
	}
	return t, errors.Join(err, e.delivery(ctx, &t))
}

// sort notes a message that is about the person, by its body or by what its sender
// called it, and counts one that only mentions the person.
func (t *traces) sort(stream string, m streams.Message, at event.Position) bool {
	env, err := event.ParseEnvelope(m.Header, m.Data)
	body := m.Data
	if err == nil {
		body = env.Data
	}
	about, mentioned := t.About(body)
	about = about || slices.Contains(t.IDs, env.Subject) || t.hasEmail(env.Subject)
	switch {
	case about:
		t.Seqs[stream] = append(t.Seqs[stream], at.Seq)
	case mentioned:
		t.Mentions[stream]++
	}
	return about
}

// derived finds the other ids of the person, by the facts that answer decisions.
func (e *eraser) derived(ctx context.Context, t *traces, decisions []event.Identity, known func(context.Context, string) (bool, error)) error {
	var ids []string
	err := e.each(ctx, event.StreamOnboarding, "", func(m streams.Message, _ event.Position) {
		var f event.Fact
		if env, err := event.ParseEnvelope(m.Header, m.Data); err != nil || json.Unmarshal(env.Data, &f) != nil {
			return
		}
		if slices.Contains(decisions, event.Identity{Source: f.EventSource, ID: f.EventID}) && !slices.Contains(t.IDs, f.UserID) && !slices.Contains(ids, f.UserID) {
			ids = append(ids, f.UserID)
		}
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		is, err := known(ctx, id)
		switch {
		case err != nil:
			return err
		case is:
			t.Others = append(t.Others, id)
		default:
			t.IDs = append(t.IDs, id)
		}
	}
	return nil
}

// delivery finds what receipts about the person refer to, and receipts that came
// before that. The suppression of an address is not the person's entry.
func (e *eraser) delivery(ctx context.Context, t *traces) error {
	before := "$KV." + event.BucketDelivery + "."
	messages := map[string]bool{}
	early := map[string][]string{} // by message
	err := e.each(ctx, "KV_"+event.BucketDelivery, "", func(m streams.Message, _ event.Position) {
		key := strings.TrimPrefix(m.Subject, before)
		if id, ok := strings.CutPrefix(key, streams.ReferenceKey); ok {
			var r event.Reference
			if json.Unmarshal(m.Data, &r) == nil && slices.Contains(t.IDs, r.UserID) {
				messages[id] = true
				t.Keys = append(t.Keys, key)
			}
		}
		if id, ok := strings.CutPrefix(key, streams.EarlyKey); ok {
			id, _, _ = strings.Cut(id, ".")
			early[id] = append(early[id], key)
		}
	})
	for id := range messages {
		t.Keys = append(t.Keys, early[id]...)
	}
	return err
}

// erase removes the entries of KV DELIVERY, and overwrites and deletes the
// messages; what is gone already is a success. The records go last: when it fails
// before, they still tell the person's addresses.
func (e *eraser) erase(ctx context.Context, t traces) error {
	if len(t.Keys) > 0 {
		s, err := e.js.Stream(ctx, "KV_"+event.BucketDelivery)
		if err != nil {
			return fmt.Errorf("bucket %s: %w", event.BucketDelivery, err)
		}
		for _, key := range t.Keys { // of a bucket, no single message can be deleted
			if err := s.Purge(ctx, jetstream.WithPurgeSubject("$KV."+event.BucketDelivery+"."+key)); err != nil {
				return fmt.Errorf("remove an entry of %s: %w", event.BucketDelivery, err)
			}
		}
	}
	for _, stream := range []string{event.StreamDeadLetters, event.StreamOnboarding, event.StreamVerifications, event.StreamUsers} {
		if len(t.Seqs[stream]) == 0 {
			continue
		}
		s, err := e.js.Stream(ctx, stream)
		if err != nil {
			return fmt.Errorf("stream %s: %w", stream, err)
		}
		for _, seq := range t.Seqs[stream] {
			if err := s.SecureDeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !isGone(err) {
				return fmt.Errorf("delete message %d of %s: %w", seq, stream, err)
			}
		}
	}
	return nil
}

// isGone reports whether a message to delete was not there.
func isGone(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeMessageNotFound
}

// each calls do with the messages that are there now.
func (e *eraser) each(ctx context.Context, stream, subject string, do func(m streams.Message, at event.Position)) error {
	s, err := e.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	sel := streams.Selection{Latest: strings.HasPrefix(stream, "KV_")}
	if subject != "" {
		sel.Subjects = []string{subject}
	}
	return streams.Read(ctx, e.js, stream, sel, func(m streams.Message, _ uint64) error {
		do(m, event.Position{Stream: stream, Created: streams.Birth(s.CachedInfo()), Seq: m.Seq, Stored: m.Stored})
		return nil
	})
}
