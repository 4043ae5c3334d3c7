package cmd

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settingsError is something wrong in the settings file.
type settingsError struct{ err error }

func (e *settingsError) Error() string { return "settings file: " + e.err.Error() }
func (e *settingsError) Unwrap() error { return e.err }

// fileSettings are the keys of usher.yaml. Flags and environment come first.
type fileSettings map[string]any

func loadYAML(r io.Reader) (kong.Resolver, error) {
	s := fileSettings{}
	if err := yaml.NewDecoder(r).Decode(&s); err != nil && err != io.EOF {
		return nil, &settingsError{err}
	}
	return s, nil
}

// Validate implements kong.Resolver: a key that is no flag of any command is an
// error, because a mistyped one would be silently without effect.
func (s fileSettings) Validate(a *kong.Application) error {
	known := keysOf(a)
	var unknown []string
	for k := range s {
		if !slices.Contains(known, k) {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	meant := ""
	if near := nearest(unknown[0], known); near != "" {
		meant = "; did you mean " + near + "?"
	}
	return &settingsError{fmt.Errorf("unknown key %s%s; the keys are the names of the flags, see `usher config print --defaults`", strings.Join(unknown, ", "), meant)}
}

// keysOf are the names of the flags of all commands.
func keysOf(a *kong.Application) []string {
	known := map[string]bool{}
	var collect func(*kong.Node)
	collect = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, c := range n.Children {
			collect(c)
		}
	}
	collect(a.Node)
	return slices.Sorted(maps.Keys(known))
}

// Resolve implements kong.Resolver.
func (s fileSettings) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	if f.Tag != nil && f.Tag.Get("file") == "no" { // is said on the command line alone
		return nil, nil
	}
	for _, env := range f.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	switch v := s[f.Name].(type) {
	case nil:
		return nil, nil
	case fileSettings: // NAME=DIR pairs; the decoder makes inner maps of the same type
		var pairs []string
		for k, d := range v {
			pairs = append(pairs, fmt.Sprintf("%s=%v", k, d))
		}
		slices.Sort(pairs)
		if f.IsSlice() {
			return strings.Join(pairs, ","), nil
		}
		return strings.Join(pairs, ";"), nil
	case []any:
		var items []string
		var apart []any
		for _, e := range v {
			items, apart = append(items, fmt.Sprint(e)), append(apart, fmt.Sprint(e))
		}
		if f.Tag != nil && f.Tag.Sep == -1 { // a comma is part of an item
			return apart, nil
		}
		return strings.Join(items, ","), nil
	default:
		return fmt.Sprint(v), nil
	}
}
