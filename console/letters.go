package console

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// DeadLetter is a message that could not be used.
type DeadLetter struct {
	Seq      uint64    `json:"seq"`
	Stream   string    `json:"stream"`
	Reason   string    `json:"reason"`
	Cause    string    `json:"cause"`
	Subject  string    `json:"subject"`
	Sequence string    `json:"sequence"`
	At       time.Time `json:"at"`

	eventID string // of a verification of the console
}

var errNoLetter = errors.New("there is no such dead letter; it may have been sent again or dropped")

// which says what dead letters are meant: "" and 0 select all.
type which struct {
	Stream, Reason string
	Before         uint64 // those with a lower number
}

func (w which) terms(ctx context.Context) terms {
	t := sightOf(ctx).letters()
	if w.Stream != "" {
		t.add("stream = ?", w.Stream)
	}
	if w.Reason != "" {
		t.add("reason = ?", w.Reason)
	}
	if w.Before > 0 {
		t.add("seq < ?", w.Before)
	}
	return t
}

// deadLetters lists the newest first.
func (m *model) deadLetters(ctx context.Context, w which, limit int) ([]DeadLetter, error) {
	return m.readLetters(ctx, w.terms(ctx), "DESC", limit)
}

// oldestLetters lists the oldest first.
func (m *model) oldestLetters(ctx context.Context, w which, limit int) ([]DeadLetter, error) {
	return m.readLetters(ctx, w.terms(ctx), "ASC", limit)
}

// lettersOf are the ones with these numbers, the oldest first, as far as the one who asks
// sees them.
func (m *model) lettersOf(ctx context.Context, seqs []uint64) ([]DeadLetter, error) {
	t := sightOf(ctx).letters()
	list, err := json.Marshal(seqs)
	if err != nil {
		return nil, err
	}
	t.add(`seq IN (SELECT value FROM json_each(?))`, string(list))
	return m.readLetters(ctx, t, "ASC", len(seqs))
}

func (m *model) readLetters(ctx context.Context, t terms, order string, limit int) ([]DeadLetter, error) {
	rows, err := m.db.QueryContext(ctx, `SELECT seq, stream, reason, cause, subject, sequence, at FROM deadletters WHERE `+t.String()+` ORDER BY seq `+order+` LIMIT ?`, append(t.args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DeadLetter
	for rows.Next() {
		var d DeadLetter
		var at int64
		if err := rows.Scan(&d.Seq, &d.Stream, &d.Reason, &d.Cause, &d.Subject, &d.Sequence, &at); err != nil {
			return nil, err
		}
		d.At = time.UnixMicro(at).UTC()
		out = append(out, d)
	}
	return out, rows.Err()
}

// countLetters counts those that are meant.
func (m *model) countLetters(ctx context.Context, w which) (n int, err error) {
	t := w.terms(ctx)
	err = m.db.QueryRowContext(ctx, `SELECT count(*) FROM deadletters WHERE `+t.String(), t.args...).Scan(&n)
	return n, err
}

// letterCount counts all that the one who asks sees.
func (m *model) letterCount(ctx context.Context) (int, error) { return m.countLetters(ctx, which{}) }

// forgetLetters deletes what the stream no longer has.
func (m *model) forgetLetters(ctx context.Context, first uint64, deleted []uint64) error {
	return m.transaction(ctx, func(tx *writing) error {
		_, err := tx.Exec(`DELETE FROM deadletters WHERE seq < ?`, first)
		for _, seq := range deleted {
			if err == nil {
				_, err = tx.Exec(`DELETE FROM deadletters WHERE seq = ?`, seq)
			}
		}
		return err
	})
}

// forgetLetters takes dead letters that were sent again or dropped out of the
// read model: a stream says nothing when a message is deleted.
func (k *Console) forgetLetters(ctx context.Context) {
	s, err := k.JetStream.Stream(ctx, event.StreamDeadLetters)
	if err != nil {
		return // the next look finds out
	}
	kept, err := k.model.letterCount(seeing(ctx, sight{}))
	if err != nil || uint64(kept) <= s.CachedInfo().State.Msgs {
		return
	}
	i, err := s.Info(ctx, jetstream.WithDeletedDetails(true))
	if err == nil {
		err = k.model.forgetLetters(ctx, i.State.FirstSeq, i.State.Deleted)
	}
	if err != nil && ctx.Err() == nil && k.repeats.first("the list of dead letters may be out of date", err) {
		k.Log.Warn("the list of dead letters may be out of date", "error", err)
	}
}
