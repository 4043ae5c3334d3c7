package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/table"
	"usher/tracing"
)

// A file is read two or three times. The first pass judges every row, so that
// what is refused is known before anything is published. The second, when rows
// were refused, hands them back with the reasons. The last publishes the others.

// maxRecords is how many rows a file may have at most.
const maxRecords = 1<<30 - 1

// verdict is what the first pass finds.
type verdict struct {
	rows, blank int
	refused     int
	bad         bitmap  // of refused rows, by number
	repeats     *spill  // which rows repeat which: key is the row, low the earlier one, tail the column
	last        lastRow // the very last one
	titles      string  // fingerprint of the columns
	skipped     int     // rows that the inbox leaves out
	skip        bitmap
	warnings    table.Warnings
	late        table.Late // what only all rows show
}

// bitmap is a set of row numbers.
type bitmap []uint64

// set adds a number and reports whether it was not there.
func (b *bitmap) set(n int) bool {
	for n/64 >= len(*b) {
		*b = append(*b, make([]uint64, max(64, len(*b)/2))...)
	}
	was := (*b)[n/64]
	(*b)[n/64] |= 1 << (n % 64)
	return was != (*b)[n/64]
}

// clear takes a number out and reports whether it was there.
func (b bitmap) clear(n int) bool {
	was := b.has(n)
	if was {
		b[n/64] &^= 1 << (n % 64)
	}
	return was
}

func (b bitmap) has(n int) bool { return n/64 < len(b) && b[n/64]&(1<<(n%64)) != 0 }

// scratch is the folder for what does not fit into memory. It lies in the claim
// and begins with a dot, so a claim that is found again does not take it for the
// original.
func (j *job) scratch(name string) string { return filepath.Join(j.dir, scratchFolder, name) }

const scratchFolder = ".scratch"

// validate reads the whole file before the first record is published, counts,
// holds the counts against the limits of the inbox, and writes the refused rows.
func (j *job) validate(ctx context.Context) (err error) {
	ctx, span := tracing.Child(ctx, "validate", tracing.Inside)
	defer func() { span.Done(err) }()
	r := &j.report
	r.Rows, r.Published, r.Refused, r.Blank, r.Skipped, r.Examples = 0, 0, 0, 0, 0, nil
	clear(r.Errors)
	if err := j.table.Understand(ctx, j.file); err != nil {
		return err
	}
	var v verdict
	defer func() { err = errors.Join(err, v.repeats.remove()) }()
	if err := j.judge(ctx, &v); err != nil {
		return err
	}
	if j.table.Reconsider(v.late, v.rows) { // seldom: what one value means, a later row told
		err := v.repeats.remove()
		if v = (verdict{}); err != nil {
			return err
		}
		if err := j.judge(ctx, &v); err != nil {
			return err
		}
	}
	if err := j.table.Unread(v.late, &v.warnings); err != nil {
		return err
	}
	j.bad, j.skip, j.titles, j.end, j.warnings = v.bad, v.skip, v.titles, endOf(j.file, j.table), v.warnings
	r.Rows, r.Blank, r.Skipped, r.Published = v.rows, v.blank, v.skipped, v.rows-v.refused-v.skipped
	if r.cutOff, r.cutRow = j.cutOff(&v), v.last.refused; r.cutOff != "" {
		j.warnings.Add("W_CUT_OFF", r.cutOff, 0)
	}
	if v.refused > 0 {
		if err := j.handBack(ctx, v); err != nil {
			return err
		}
	}
	if v.skipped > 0 {
		if err := j.listSkipped(ctx, v); err != nil {
			return err
		}
	}
	if err := j.in.allows(v); err != nil {
		return err
	}
	if j.describe(); j.in.Strict && len(r.Warnings) > 0 {
		return table.Unusable("E_STRICT", "there are %d kinds of warnings, and this inbox takes no file with one; the first is: %s", len(r.Warnings), r.Warnings[0].Text)
	}
	return nil
}

// judge finds the rows that are to be refused.
func (j *job) judge(ctx context.Context, v *verdict) (err error) {
	rs, err := j.table.Open(ctx, j.file)
	if err != nil {
		return err
	}
	defer rs.Close()
	marks := j.spill("identities-", 1<<64-1)
	defer func() { err = errors.Join(err, marks.remove()) }()
	v.titles, j.returned = titlesOf(j.table, rs), rs.Returned()
	trailing, _ := j.in.trailers()
	met := make([]bool, len(j.in.Skip))
	type part struct {
		bad      []int
		skipped  []int
		late     table.Late
		met      []bool // which rules of --skip had something to look at
		marks    []entry
		rows     int
		last     lastRow
		warnings table.Warnings
	}
	err = inOrder(ctx, rs, parallel(), func() func([]table.Row) part {
		rules := j.rules()
		return func(rows []table.Row) part {
			p := part{rows: len(rows), marks: make([]entry, 0, 2*len(rows))}
			rules.warnings = &p.warnings
			for _, rw := range rows {
				rec := rs.Record(rw)
				p.late.Look(&rec)
				if trailing.Regexp != nil && rw.Number == rows[len(rows)-1].Number {
					p.last.text = strings.Join(rs.Original(rw), j.delimiter())
				}
				if rules.skips(&rec) != nil {
					p.last.note(rec, nil)
					p.skipped = append(p.skipped, rw.Number)
					continue
				}
				u, errs := rules.check(&rec)
				p.last.note(rec, errs)
				if len(errs) > 0 {
					p.bad = append(p.bad, rw.Number)
					continue
				}
				u.identities(func(column table.Column, value string) {
					e := identityMark(column, value)
					e.tail = uint32(rw.Number)<<2 | uint32(column)
					p.marks = append(p.marks, e)
				})
			}
			for _, s := range rules.skip {
				p.met = append(p.met, s.met)
			}
			return p
		}
	}, func(p part) error {
		for i, yes := range p.met {
			met[i] = met[i] || yes
		}
		if p.rows > 0 {
			v.last = p.last
		}
		if v.rows += p.rows; v.rows > maxRecords {
			return table.Unusable("E_TOO_BIG", "the file has more than %d rows; split it", maxRecords)
		}
		if most := j.in.MaxRows; most > 0 && v.rows > most && (trailing.Regexp == nil || v.rows > most+1) {
			return table.Unusable("E_TOO_MANY_ROWS", "the file has more than %d rows, which is the most that this inbox takes; split it, or have the limit raised", most)
		}
		v.warnings.Merge(p.warnings)
		v.late.Merge(p.late)
		for _, n := range p.skipped {
			v.skip.set(n)
			v.skipped++
		}
		for _, n := range p.bad {
			v.bad.set(n)
			v.refused++
		}
		for _, e := range p.marks {
			if err := marks.add(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.blank = rs.Blank
	j.blind(met, &v.warnings)
	if err := j.counted(v); err != nil {
		return err
	}
	v.warnings.Merge(rs.Warnings)
	v.repeats = j.spill("repeats-", uint64(v.rows))
	return marks.sorted(func(entries []entry) error {
		var first entry
		for i, e := range entries {
			if i == 0 || e.key != first.key || e.low != first.low {
				first = e
				continue
			}
			n := int(e.tail >> 2)
			if n > v.rows {
				continue // the trailer
			}
			if v.bad.set(n) {
				v.refused++
			}
			if err := v.repeats.add(entry{uint64(e.tail >> 2), first.tail >> 2, e.tail & 3}); err != nil {
				return err
			}
		}
		return nil
	})
}

// allows holds the counts against the limits of the inbox. The error is a
// *table.FileError.
func (in Inbox) allows(v verdict) error {
	percent := 100 * float64(v.refused) / float64(max(1, v.rows))
	switch {
	case v.refused == 0:
		return nil
	case in.AllOrNothing:
		return table.Unusable("E_TOO_MANY_REFUSED", "%d of %d rows cannot be used, and this inbox takes a file whole or not at all", v.refused, v.rows)
	case in.MaxRefused > 0 && v.refused > in.MaxRefused:
		return table.Unusable("E_TOO_MANY_REFUSED", "%d of %d rows cannot be used, and this inbox allows %d", v.refused, v.rows, in.MaxRefused)
	case in.MaxRefusedPercent > 0 && v.rows > percentAbove && percent > in.MaxRefusedPercent && v.refused < v.rows:
		return table.Unusable("E_TOO_MANY_REFUSED", "%d of %d rows (%.0f %%) cannot be used, and this inbox allows %g %%; is a column under the wrong name?", v.refused, v.rows, percent, in.MaxRefusedPercent)
	}
	return nil
}

// percentAbove is how many rows a file has at most to which no percentage is
// applied.
const percentAbove = 20

// handBack writes the refused rows with all that is wrong with them.
func (j *job) handBack(ctx context.Context, v verdict) (err error) {
	rs, err := j.table.Open(ctx, j.file)
	if err != nil {
		return err
	}
	defer rs.Close()
	out, err := newRefusedRows(j.claim, refusedDraft, rs.Columns)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	rules := newRules(j.in)
	one := func(repeats []entry) error {
		rw, err := nextOf(rs, v.bad)
		if err != nil {
			return err
		}
		rec := rs.Record(rw)
		_, errs := rules.check(&rec)
		for _, e := range repeats {
			field := table.Column(e.tail).String()
			errs = append(errs, table.RowError{Code: "E_DUP_IN_FILE", Field: field, Reason: fmt.Sprintf("the same %s is in record %d", field, e.low)})
		}
		j.report.addErrors(rec.Line, errs)
		return out.Add(rec, rs.Original(rw), errs)
	}
	return event.Protect("the import of this file", func() error {
		err := v.repeats.sorted(func(entries []entry) error {
			for len(entries) > 0 {
				n := 1
				for n < len(entries) && entries[n].key == entries[0].key {
					n++
				}
				for following(rs, v.bad) < int(entries[0].key) { // refused for other reasons
					if err := one(nil); err != nil {
						return err
					}
				}
				if err := one(entries[:n]); err != nil {
					return err
				}
				entries = entries[n:]
			}
			return nil
		})
		for err == nil {
			err = one(nil)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
}

// following is the number of the next row in the set; rows run out before the
// numbers do.
func following(r *table.Rows, set bitmap) int {
	n := r.Number + 1
	for n < 64*len(set) && !set.has(n) {
		n++
	}
	return n
}

// nextOf returns the next row that is in the set.
func nextOf(r *table.Rows, set bitmap) (table.Row, error) {
	for {
		rw, err := r.Next()
		if err != nil || set.has(rw.Number) {
			return rw, err
		}
	}
}

// batch reads the file and gives the records after the checkpoint away in
// batches, each with the progress that it makes.
func (j *job) batch(ctx context.Context, c event.Checkpoint, give func(batch) error) (err error) {
	id, err := ksuid.Parse(c.Import)
	if err != nil {
		return err
	}
	rs, err := j.table.OpenAt(ctx, j.file, table.Position(c.FilePosition))
	if err != nil {
		return err
	}
	defer rs.Close()
	begin := func() (string, tracing.Span) {
		ctx, span := tracing.Child(ctx, "publish "+event.StreamUsers, tracing.Producer, tracing.Stream(event.StreamUsers)...)
		return tracing.Context(ctx), span
	}
	var events []*nats.Msg
	trace, span := begin()
	encode := func() func([]table.Row) []encoded {
		e := &encoder{rules: newRules(j.in), key: j.Key, at: id.Time(), digest: j.table.Digest, from: event.Import{ID: c.Import, File: j.report.File, UploadedBy: j.report.UploadedBy}}
		return func(rows []table.Row) []encoded {
			out := make([]encoded, 0, len(rows))
			for _, rw := range rows {
				if j.bad.has(rw.Number) || j.skip.has(rw.Number) {
					out = append(out, encoded{end: rw.End})
					continue
				}
				rec := rs.Record(rw)
				u, _ := e.rules.check(&rec)
				out = append(out, e.encode(u, rw))
			}
			return out
		}
	}
	headers := newHeaders(j.in.Source, j.claimed)
	return inOrder(ctx, rs, 1, encode, func(part []encoded) error {
		for _, e := range part {
			if e.end.Record > j.report.Rows {
				break // the trailer
			}
			c.FilePosition = event.FilePosition(e.end)
			if e.body != nil {
				events = append(events, headers.message(e, trace))
				j.Fault.At("ingest.record")
			}
			if len(events) < j.Batch && c.Record < j.report.Rows {
				continue
			}
			c.Published += len(events)
			c.Done = c.Record == j.report.Rows
			b := batch{span, events, c}
			events = make([]*nats.Msg, 0, j.Batch+1)
			if !c.Done {
				trace, span = begin()
			}
			if err := give(b); err != nil {
				return err
			}
		}
		return nil
	})
}
