package table

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// What a column is taken for when it is none of the canonical ones.
const (
	asAttribute = "attribute"
	asSecret    = "secret"
	asIgnored   = "ignored"
)

// Mapping says what columns are taken for, by title, whatever usher would make of
// them: the name of a canonical column, attribute, or ignored.
type Mapping map[string]string

// Check returns what is wrong with a mapping.
func (m Mapping) Check() error {
	for title, as := range m {
		if _, ok := mapped(as); !ok {
			return fmt.Errorf("the column %q cannot be taken for %q; write one of %s, %s or %s", title, as, strings.Join(columnNames[:], ", "), asAttribute, asIgnored)
		}
	}
	return nil
}

func mapped(as string) (Column, bool) {
	switch as {
	case asAttribute:
		return columnAttribute, true
	case asIgnored:
		return columnIgnored, true
	}
	i := slices.Index(columnNames[:], as)
	return Column(i), i >= 0
}

// ReadMapping reads a file with a line for each column: its title, an equals sign, and
// what it is taken for. The title may hold equals signs itself. What follows # at the
// beginning of a line is a comment.
func ReadMapping(file string) (Mapping, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := Mapping{}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, '=')
		if i < 1 {
			return nil, fmt.Errorf("%s: line %d is no mapping; write a title, = and what it is taken for, such as Kontakt = email", file, n)
		}
		m[strings.TrimSpace(line[:i])] = strings.TrimSpace(line[i+1:])
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}
