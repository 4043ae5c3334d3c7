package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"usher/app"
)

type configCmd struct {
	Print configPrintCmd `cmd:"" help:"Print the settings: the defaults, those in force, or their JSON Schema."`
	Check configCheckCmd `cmd:"" help:"Say all that is wrong with a settings file, with its lines."`
}

// configPrintCmd prints settings in the form of usher.yaml.
type configPrintCmd struct {
	Defaults  bool `help:"An example of usher.yaml with every setting, its meaning and its default." xor:"what"`
	Effective bool `help:"The settings in force: flags over environment over file over defaults. This is the default." xor:"what"`
	Schema    bool `help:"A JSON Schema of usher.yaml." xor:"what"`

	Settings unchecked `embed:""`
}

// unchecked are settings that the command line does not validate as it reads them.
type unchecked app.Config

// Run executes `usher config print`.
func (c configPrintCmd) Run(s *session, k *kong.Context) error {
	settings, err := Settings()
	if err != nil {
		return err
	}
	var out string
	switch {
	case c.Schema:
		out = SettingsSchema(settings)
	case c.Defaults:
		out = ExampleSettings(settings)
	default:
		out = effective(settings, k.Selected().Flags)
	}
	_, err = fmt.Fprint(s.stdout, out)
	return err
}

// effective are the settings in force. Secrets are named and not shown.
func effective(settings []Setting, flags []*kong.Flag) string {
	value := map[string]reflect.Value{}
	for _, f := range flags {
		value[f.Name] = f.Target
	}
	var b strings.Builder
	for _, s := range settings {
		v := value[s.Key]
		switch {
		case s.Hidden:
		case s.Secret && !v.IsZero():
			fmt.Fprintf(&b, "# %s: set, and not shown\n", s.Key)
		case s.Secret:
		case v.IsZero() && s.Default == "":
			fmt.Fprintf(&b, "# %s:\n", s.Key)
		default:
			fmt.Fprintf(&b, "%s: %s\n", s.Key, inYAML(v))
		}
	}
	return b.String()
}

// inYAML is a value as usher.yaml takes it; JSON is YAML.
func inYAML(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case app.Bytes:
		return fmt.Sprint(int64(x))
	case map[string]time.Duration:
		texts := map[string]string{}
		for k, d := range x {
			texts[k] = d.String()
		}
		return inJSON(texts)
	}
	return inJSON(v.Interface())
}

func inJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // settings are texts, numbers, lists and maps of these
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// ExampleSettings is a usher.yaml with every setting: those that have a default
// with it, the others as a comment.
func ExampleSettings(settings []Setting) string {
	var b strings.Builder
	b.WriteString("# Every setting of usher. Each is a flag too (--console-addr) and an environment variable\n" +
		"# (USHER_CONSOLE_ADDR); flags come first, then the environment, then this file. Made by\n# `usher config print --defaults`; check yours with `usher config check FILE`.\n")
	group := ""
	for _, s := range settings {
		if s.Hidden {
			continue
		}
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n# --- %s\n", groupTitles[group])
		}
		fmt.Fprintf(&b, "\n%s", wrapped("# ", s.Help))
		switch {
		case s.Default != "":
			fmt.Fprintf(&b, "%s: %s\n", s.Key, s.defaultInYAML())
		case s.Kind == KindFlag:
			fmt.Fprintf(&b, "%s: false\n", s.Key)
		default:
			fmt.Fprintf(&b, "# %s: %s\n", s.Key, s.Example)
		}
	}
	return b.String()
}

func (s Setting) defaultInYAML() string {
	switch s.Kind {
	case KindList:
		return inJSON(strings.Split(s.Default, ","))
	case KindText:
		return inJSON(s.Default)
	}
	return s.Default
}

// groupTitles say what each group of app.Config is about.
var groupTitles = map[string]string{
	"Base":     "Every process",
	"External": "Servers that run elsewhere",
	"Servers":  "The embedded servers and the catcher of `usher up`",
	"Intake":   "How files are taken",
	"Delivery": "How messages go out",
	"Receipts": "What became of messages",
	"Accounts": "Where accounts are made usable",
	"Reports":  "What happens regularly",
	"Site":     "Where people reach the console",
	"Web":      "The console",
	"Limits":   "The times that an onboarding runs by",
	"Deciding": "Where two people decide",
}

// wrapped breaks a text into lines of at most 100 characters.
func wrapped(prefix, text string) string {
	var b strings.Builder
	line := prefix
	for _, w := range strings.Fields(text) {
		if len(line)+len(w) > 99 && line != prefix {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = prefix
		}
		line += w + " "
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

// SettingsSchema is a JSON Schema (2020-12) of usher.yaml.
func SettingsSchema(settings []Setting) string {
	properties := map[string]any{}
	for _, s := range settings {
		if !s.Hidden {
			properties[s.Key] = s.schema()
		}
	}
	b, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:usher:schema:settings.v1", "title": "usher.yaml",
		"description": "Settings of usher. Each key is a flag and an environment variable too.",
		"type":        "object", "additionalProperties": false, "properties": properties,
	}, "", "  ")
	if err != nil {
		panic(err) // made of texts, lists and maps
	}
	return string(b) + "\n"
}

const durationPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`

func (s Setting) schema() map[string]any {
	out := map[string]any{"description": s.Help}
	text := map[string]any{"type": []string{"string", "number", "boolean"}}
	duration := map[string]any{"anyOf": []any{map[string]any{"type": "string", "pattern": durationPattern}, map[string]any{"const": 0}}}
	switch s.Kind {
	case KindFlag:
		out["type"] = "boolean"
	case KindNumber:
		out["type"] = "integer"
	case KindDuration:
		maps.Copy(out, duration)
	case KindSize:
		out["anyOf"] = []any{map[string]any{"type": "integer", "minimum": 0}, map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?([KkMmGgTt][Ii]?)?[Bb]?$`}}
	case KindList:
		out["anyOf"] = []any{map[string]any{"type": "array", "items": text}, text, map[string]any{"type": "object", "additionalProperties": text}}
	case KindMap:
		out["anyOf"] = []any{map[string]any{"type": "object", "additionalProperties": text}, map[string]any{"type": "string"}}
	case KindTimes:
		out["anyOf"] = []any{map[string]any{"type": "object", "additionalProperties": duration}, map[string]any{"type": "string"}}
	default:
		out["type"] = []string{"string", "number"}
	}
	if len(s.Enum) > 0 {
		delete(out, "type")
		out["enum"] = s.Enum
	}
	if s.Secret {
		out["writeOnly"] = true
	}
	if d, ok := s.defaultValue(); ok {
		out["default"] = d
	}
	return out
}

// defaultValue is the default as JSON has it.
func (s Setting) defaultValue() (any, bool) {
	switch {
	case s.Kind == KindFlag:
		return s.Default == "true", true
	case s.Default == "":
		return nil, false
	case s.Kind == KindNumber:
		return json.Number(s.Default), true
	case s.Kind == KindList:
		return strings.Split(s.Default, ","), true
	}
	return s.Default, true
}

// SettingsTable is docs/settings.md behind its head: each group's settings.
func SettingsTable(settings []Setting) string {
	var b strings.Builder
	group := ""
	for _, s := range settings {
		if s.Hidden {
			continue
		}
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n| key | default | for | means |\n| --- | --- | --- | --- |\n", groupTitles[group])
		}
		def := "-"
		if d, ok := s.defaultValue(); ok {
			def = "`" + inJSON(d) + "`"
			if t, isText := d.(string); isText {
				def = "`" + t + "`"
			}
		}
		who := strings.Join(slices.DeleteFunc(slices.Clone(s.Roles), func(r string) bool { return r == "up" }), ", ")
		if who == "" {
			who = "up"
		}
		switch {
		case len(s.Roles) == len(roles):
			who = "all"
		case len(s.Roles) == len(roles)-1 && !slices.Contains(s.Roles, "catcher"):
			who = "all but the catcher"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Key, def, who, strings.ReplaceAll(s.Help, "|", "\\|"))
	}
	return b.String()
}
