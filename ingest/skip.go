package ingest

import (
	"fmt"
	"strings"

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
		return r, fmt.Errorf("%q is no rule; write COLUMN=VALUE or COLUMN=VALUE|VALUE", s)
	}
	return r, nil
}

// of reports whether a value under a title is one of the rule's. Case does not count.
func (r SkipRule) of(title, value string) bool {
	if !strings.EqualFold(title, r.Column) {
		return false
	}
	for _, v := range r.Values {
		if strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}

// skips reports whether a row is left out.
func (v *rules) skips(rec *table.Record) bool {
	for _, r := range v.skip {
		for _, a := range rec.Attributes {
			if r.of(a.Name, a.Value) {
				return true
			}
		}
		for c, value := range rec.Values {
			if value != "" && r.of(table.Column(c).String(), value) {
				return true
			}
		}
	}
	return false
}
