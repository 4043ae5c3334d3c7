package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"usher/event"
	"usher/table"
)

// SkipRule leaves out the rows that have one of some values in a column.
type SkipRule struct {
	Column string
	Values []string
}

// SkipRules leave out the rows that one of them is about.
type SkipRules []SkipRule

// ParseSkip reads rules such as Status=Suspended|Deactivated.
func ParseSkip(s string) (SkipRule, error) {
	column, values, ok := strings.Cut(s, "=")
	r := SkipRule{Column: strings.TrimSpace(column)}
	for _, v := range strings.Split(values, "|") {
		if v = strings.TrimSpace(v); v != "" {
			r.Values = append(r.Values, v)
		}
	}
	if !ok || r.Column == "" || len(r.Values) == 0 {
		return r, fmt.Errorf("%q is not a rule; write COLUMN=VALUE or COLUMN=VALUE|VALUE", s)
	}
	return r, nil
}

// String is the rule as it was written.
func (r SkipRule) String() string { return r.Column + "=" + strings.Join(r.Values, "|") }

// of reports whether a value is one of the rule's. Case does not count.
func (r SkipRule) of(value string) bool {
	for _, v := range r.Values {
		if strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}

// skipping is a rule about the columns of one file.
type skipping struct {
	SkipRule
	column table.Column // that its column was taken for, or -1
	met    bool         // a row had something in its column
}

// about are the rules as they read in a file: a title may be that of a column which
// usher took for the e-mail address or the like.
func (rs SkipRules) about(columns []table.Use) []*skipping {
	out := make([]*skipping, len(rs))
	for i, r := range rs {
		out[i] = &skipping{SkipRule: r, column: -1}
		for c := range table.Columns {
			if strings.EqualFold(c.String(), r.Column) {
				out[i].column = c
			}
		}
		for _, u := range columns {
			for c := range table.Columns {
				if strings.EqualFold(u.Title, r.Column) && u.As == c.String() {
					out[i].column = c
				}
			}
		}
	}
	return out
}

// skips returns the rule by which a row is left out, or nil.
func (v *rules) skips(rec *table.Record) *skipping {
	for _, s := range v.skip {
		for _, a := range rec.Attributes {
			if strings.EqualFold(a.Name, s.Column) {
				if s.met = true; s.of(a.Value) {
					return s
				}
			}
		}
		if s.column >= 0 && rec.Values[s.column] != "" {
			if s.met = true; s.of(rec.Values[s.column]) {
				return s
			}
		}
	}
	return nil
}

// blind says that rules had no column to look into; met are those that had.
func (j *job) blind(met []bool, warnings *table.Warnings) {
	for i, r := range j.in.Skip {
		there := met[i] || slices.ContainsFunc(j.table.Columns, func(u table.Use) bool {
			return strings.EqualFold(u.Title, r.Column) && u.As != table.AsSecret && u.As != table.AsIgnored
		})
		if !there {
			warnings.Add("W_SKIP", fmt.Sprintf("the rule %q of --skip left out no row, because there is no column %q that is read", r, r.Column), 0)
		}
	}
}

// skippedDraft is where rows that are left out are collected in the claim.
const skippedDraft = ".skipped.csv"

// listSkipped writes the rows that the inbox leaves out, with the rule.
func (j *job) listSkipped(ctx context.Context, v verdict) (err error) {
	rs, err := j.table.Open(ctx, j.file)
	if err != nil {
		return err
	}
	defer rs.Close()
	out, err := newRefusedRows(j.claim, skippedDraft, rs.Columns)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	rules := j.rules()
	return event.Protect("the import of this file", func() error {
		for {
			rw, err := nextOf(rs, v.skip)
			if errors.Is(err, io.EOF) || err == nil && rw.Number > v.rows {
				return nil
			}
			if err != nil {
				return err
			}
			rec := rs.Record(rw)
			if by := rules.skips(&rec); by != nil {
				err = out.Add(rec, rs.Original(rw), []table.RowError{{Field: by.Column, Reason: "left out by the rule " + by.String()}})
			}
			if err != nil {
				return err
			}
		}
	})
}
