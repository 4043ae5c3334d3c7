package table

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
)

// What a column is taken for when it is none of the canonical ones.
const (
	asAttribute = "attribute"
	AsSecret    = "secret"
	AsIgnored   = "ignored"
)

// Mapping says what columns are taken for, by title, whatever usher would make of
// them: the name of a canonical column, attribute, or ignored.
type Mapping map[string]string

// Check returns what is wrong with a mapping.
func (m Mapping) Check() error {
	for title, as := range m {
		if _, ok := mapped(as); !ok {
			return fmt.Errorf("the column %q cannot be taken for %q; write one of %s, %s or %s", title, as, strings.Join(columnNames[:], ", "), asAttribute, AsIgnored)
		}
	}
	return nil
}

func mapped(as string) (Column, bool) {
	switch as {
	case asAttribute:
		return columnAttribute, true
	case AsIgnored:
		return columnIgnored, true
	}
	i := slices.Index(columnNames[:], as)
	return Column(i), i >= 0
}

// Known is what is known of the columns of a file beside what their titles and cells
// say. The zero value is nothing.
type Known struct {
	Columns Mapping // by title, whatever titles stand beside it

	// Saved is the mapping that was saved for files with these titles, by their
	// fingerprint; nil when there is none. Its error ends reading the file.
	Saved func(fingerprint string) (Mapping, error)
}

// of is what is known of columns with these titles. What was saved for just these
// comes first.
func (k Known) of(titles []string) (Mapping, error) {
	if k.Saved == nil {
		return k.Columns, nil
	}
	saved, err := k.Saved(Fingerprint(titles))
	if err != nil || len(saved) == 0 {
		return k.Columns, err
	}
	return saved.Over(k.Columns), nil
}

// Over is both mappings, in which this one counts first.
func (m Mapping) Over(other Mapping) Mapping {
	both := Mapping{}
	for title, as := range other {
		if m.of(title) == "" {
			both[title] = as
		}
	}
	for title, as := range m {
		both[title] = as
	}
	return both
}

// Fingerprint is the same for the same titles, whatever their order and case.
func Fingerprint(titles []string) string {
	folded := make([]string, len(titles))
	for i, t := range titles {
		folded[i] = strings.ToLower(trimCell(t))
	}
	slices.Sort(folded)
	sum := sha256.Sum256([]byte(strings.Join(folded, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// noteMapping stands beside what a mapping says.
const noteMapping = "as the mapping says"

// Mapped reports whether a mapping said what the column is.
func (u Use) Mapped() bool { return u.Note == noteMapping }

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
			return nil, fmt.Errorf("%s: line %d is not a mapping; write a title, = and what it is taken for, such as Kontakt = email", file, n)
		}
		m[strings.TrimSpace(line[:i])] = strings.TrimSpace(line[i+1:])
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}
