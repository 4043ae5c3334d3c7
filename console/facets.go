package console

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"usher/event"
)

// facet is one filter with the values that it can take, and how many people each
// would show together with the other filters.
type facet struct {
	Name, Label string // of the parameter, and for people
	Options     []option
}

type option struct {
	Value, Label string
	N            count
	On           bool   // chosen
	URL          string // of the list with it, or without it where it is chosen
}

// count is a number of people that is exact, or at least so large.
type count struct {
	N    int
	More bool
}

// String is the number as a page shows it.
func (c count) String() string {
	s := grouped(c.N)
	if c.More {
		s += "+"
	}
	return s
}

func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// facets makes of the counts what the page shows.
func (m *model) facets(ctx context.Context, f filter, t tally) ([]facet, error) {
	files := map[string]string{}
	imports, err := m.imports(ctx, mostImports)
	if err != nil {
		return nil, err
	}
	var order []string
	for _, i := range imports {
		files[i.ID] = i.File
		order = append(order, i.ID)
	}
	if f.Import != "" && files[f.Import] == "" {
		files[f.Import] = f.Import
		if i, err := m.importOf(ctx, f.Import); err == nil {
			files[f.Import] = i.File
		}
		order = append([]string{f.Import}, order...)
	}
	if len(order) > mostShown {
		order = slices.DeleteFunc(order, func(id string) bool { return t.by[byImport][id].N == 0 && id != f.Import })
		order = order[:min(len(order), mostShown)]
	}
	var statuses, bands []string
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	labels := map[string]string{}
	for _, b := range ageBands {
		bands = append(bands, b.Name)
		labels[b.Name] = b.Label
	}
	same := func(v string) string { return v }
	out := []facet{
		f.facet("status", "Status", t.by[byStatus], statuses, func(s string) string { return statusWords(event.Status(s)) }, func(g *filter) *string { return &g.Status }),
		f.facet("inbox", "Inbox", t.by[bySource], nil, same, func(g *filter) *string { return &g.Source }),
		f.facet("import", "File", t.by[byImport], order, func(id string) string { return files[id] }, func(g *filter) *string { return &g.Import }),
		f.facet("age", "In this status for", t.by[byAge], bands, func(v string) string { return labels[v] }, func(g *filter) *string { return &g.Age }),
		f.facet("language", "Language", t.by[byLanguage], nil, func(v string) string { return cmp.Or(v, "not said") }, func(g *filter) *string { return &g.Language }),
		f.facet("by", "Decided by", t.by[byDecider], nil, same, func(g *filter) *string { return &g.Decider }),
	}
	return slices.DeleteFunc(out, func(x facet) bool { return len(x.Options) == 0 }), nil
}

// mostShown values of a filter fit beside a list; the page of imports leads to others.
const mostShown = 12

// facet lists the values that people have, in a given order or the most frequent
// first, and the chosen one in any case.
func (f filter) facet(name, label string, counts map[string]count, order []string, words func(string) string, field func(*filter) *string) facet {
	x := facet{Name: name, Label: label}
	chosen := *field(&f)
	if order == nil {
		for v := range counts {
			order = append(order, v)
		}
		slices.SortFunc(order, func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b].N, counts[a].N), cmp.Compare(a, b))
		})
		order = order[:min(len(order), mostShown)]
		if chosen != "" && !slices.Contains(order, language(chosen)) {
			order = append(order, language(chosen))
		}
	}
	for _, v := range order {
		value := v
		if name == "language" {
			value = cmp.Or(v, noLanguage)
		}
		n := counts[v]
		if value == "" || n.N == 0 && value != chosen {
			continue
		}
		to := f
		o := option{Value: value, Label: words(v), N: n, On: value == chosen}
		if o.On {
			*field(&to) = ""
		} else {
			*field(&to) = value
		}
		o.URL = listURL(to)
		x.Options = append(x.Options, o)
	}
	return x
}

// listURL is the address of the list of a filter.
func listURL(f filter) string {
	if q := f.query().Encode(); q != "" {
		return "/users?" + q
	}
	return "/users"
}

// statusWords is a status as people read it.
func statusWords(s event.Status) string {
	return cmp.Or(strings.ReplaceAll(string(s), "_", " "), "importing")
}
