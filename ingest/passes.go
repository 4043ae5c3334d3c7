package ingest

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/tracing"
)

// validate reads the whole file before the first record is published, counts,
// and writes the refused rows.
func (j *job) validate(ctx context.Context) error {
	v := newValidator(j.in, j.Key)
	var refused *refusedRows
	r := &j.report
	r.Rows, r.Published, r.Refused, r.Examples = 0, 0, 0, nil
	clear(r.Errors)
	ctx, span := tracing.Child(ctx, "validate", tracing.Inside)
	blank, err := readAll(ctx, j.file, j.nature, func(rs *records, rec record) (err error) {
		r.Rows++
		_, errs := v.user(rec)
		if len(errs) == 0 {
			r.Published++
			return nil
		}
		r.addErrors(rec.line, errs)
		if refused == nil {
			if refused, err = newRefusedRows(j.refusedDraft(), rs.columns); err != nil {
				return err
			}
		}
		return refused.add(len(rs.columns), rec, errs)
	})
	if refused != nil {
		err = errors.Join(err, refused.close())
	}
	r.Blank = blank
	span.Done(err)
	return err
}

// batch reads the file and gives the records after the checkpoint away in
// batches, each with the progress that it makes.
func (j *job) batch(ctx context.Context, c checkpoint, give func(batch) error) error {
	id, err := ksuid.Parse(c.Import)
	if err != nil {
		return err
	}
	v := newValidator(j.in, j.Key)
	begin := func() (string, tracing.Span) {
		ctx, span := tracing.Child(ctx, "publish "+event.StreamUsers, tracing.Producer, tracing.Stream(event.StreamUsers)...)
		return tracing.Context(ctx), span
	}
	var events []*nats.Msg
	trace, span := begin()
	done := c.Record
	_, err = readAll(ctx, j.file, j.nature, func(_ *records, rec record) error {
		u, errs := v.user(rec)
		if rec.number <= done {
			return nil
		}
		c.Record = rec.number
		if len(errs) == 0 {
			u.Import = event.Import{ID: c.Import, File: j.name, Record: rec.number, Line: rec.line}
			m, err := userEvent(u, j.in.Source, j.nature.digest, id.Time(), j.claimed, trace)
			if err != nil {
				return err
			}
			events = append(events, m)
		}
		if len(events) < perBatch && rec.number < j.report.Rows {
			return nil
		}
		c.Published += len(events)
		c.Done = rec.number == j.report.Rows
		b := batch{span, events, c}
		events = make([]*nats.Msg, 0, perBatch+1)
		if !c.Done {
			trace, span = begin()
		}
		return give(b)
	})
	return err
}
