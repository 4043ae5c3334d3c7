package cmd

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"usher/app"
)

// Setting is one key of usher.yaml, which is a flag and an environment variable
// too. All come from the tags of app.Config.
type Setting struct {
	Key, Env string
	Group    string // of app.Config
	Help     string
	Default  string // as it is written, "" without one
	Enum     []string
	Example  string // what stands for a value in --help
	Kind     Kind
	Secret   bool     // is never printed
	Roles    []string // commands that have it
	Hidden   bool     // for the Makefile only
}

// Kind is the form of a value in usher.yaml.
type Kind string

// The kinds. A list may be written as text with commas, a map as NAME=VALUE joined
// by semicolons.
const (
	KindText     Kind = "text"
	KindFlag     Kind = "true or false"
	KindNumber   Kind = "number"
	KindDuration Kind = "duration"
	KindSize     Kind = "size"
	KindList     Kind = "list"
	KindMap      Kind = "map"
	KindTimes    Kind = "map of durations"
)

// roles are the commands that run for long, as settings name them.
var roles = []string{"up", "watch", "bridge", "worker", "console", "catcher"}

// Settings are all that a process has, in the order of app.Config.
func Settings() ([]Setting, error) {
	whole, err := kong.New(&cli{}, kong.Name("usher"), kong.DefaultEnvars("USHER"))
	if err != nil {
		return nil, err
	}
	has := map[string][]string{}
	for _, c := range whole.Model.Children {
		if slices.Contains(roles, c.Name) {
			for _, f := range c.Flags {
				has[f.Name] = append(has[f.Name], c.Name)
			}
		}
	}
	var out []Setting
	groups := reflect.TypeFor[app.Config]()
	for i := range groups.NumField() {
		g := groups.Field(i)
		if !g.Anonymous {
			continue
		}
		model, err := kong.New(reflect.New(g.Type).Interface(), kong.Name("usher"), kong.NoDefaultHelp(), kong.DefaultEnvars("USHER"))
		if err != nil {
			return nil, fmt.Errorf("settings of %s: %w", g.Name, err)
		}
		for _, f := range model.Model.Flags {
			s := Setting{
				Key: f.Name, Env: f.Envs[0], Group: g.Name, Help: f.Help, Default: f.Default, Example: f.PlaceHolder, Kind: kindOf(f.Target.Type()),
				Secret: f.PlaceHolder == "SECRET", Roles: has[f.Name], Hidden: f.Hidden,
			}
			if f.Enum != "" {
				s.Enum = strings.Split(f.Enum, ",")
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func kindOf(t reflect.Type) Kind {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return KindDuration
	case t == reflect.TypeFor[app.Bytes]():
		return KindSize
	case t == reflect.TypeFor[map[string]time.Duration]():
		return KindTimes
	}
	switch t.Kind() {
	case reflect.Bool:
		return KindFlag
	case reflect.Int, reflect.Int64, reflect.Float64:
		return KindNumber
	case reflect.Slice:
		return KindList
	case reflect.Map:
		return KindMap
	}
	return KindText
}

// nearest is the key that a mistyped one most likely means, or "".
func nearest(key string, known []string) string {
	best, at := "", 1+len(key)/3
	for _, k := range known {
		if d := distance(key, k); d < at || d == at && best == "" {
			best, at = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, change)
		}
	}
	return row[len(b)]
}
