package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"usher/app"
)

type configCheckCmd struct {
	File string `arg:"" help:"The settings file." placeholder:"FILE"`
}

// Run executes `usher config check`. The environment does not count: the file is
// checked by itself.
func (c configCheckCmd) Run(s *session) error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	n, wrong, err := checkSettings(b)
	if err != nil {
		return err
	}
	for _, w := range wrong {
		fmt.Fprintf(s.stderr, "%s:%d: %s\n", c.File, w.line, w.text)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %d of %d settings are wrong", c.File, len(wrong), n)
	}
	fmt.Fprintf(s.stdout, "%s: %d settings, and nothing is wrong with them\n", c.File, n)
	return nil
}

// wrongSetting is what is wrong at a line of the file, from 1.
type wrongSetting struct {
	line int
	text string
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): `)
	flagName = regexp.MustCompile(`^--([a-z0-9-]+)`)
)

// checkSettings reads a settings file as the commands do, and finds all that is
// wrong with it: what is no YAML, keys that are none, values that a key does not
// take, and settings that do not go together.
func checkSettings(b []byte) (n int, wrong []wrongSetting, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			_, _ = fmt.Sscan(m[1], &line)
		}
		return 1, []wrongSetting{{line, "it is no YAML: " + yamlLine.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")}}, nil
	}
	if len(doc.Content) == 0 {
		return 0, nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return 1, []wrongSetting{{root.Line, "it must be a list of KEY: VALUE"}}, nil
	}
	known, err := allKeys()
	if err != nil {
		return 0, nil, err
	}
	lines, good := map[string]int{}, fileSettings{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := key.Value
		n++
		found := ""
		switch {
		case lines[name] > 0:
			found = fmt.Sprintf("%s stands at line %d already", name, lines[name])
		case !slices.Contains(known, name):
			found = "unknown key " + name
			if near := nearest(name, known); near != "" {
				found += "; did you mean " + near + "?"
			}
		default:
			found = goodSetting(good, name, value)
		}
		if lines[name] == 0 {
			lines[name] = key.Line
		}
		if found != "" {
			wrong = append(wrong, wrongSetting{key.Line, found})
		}
	}
	whole, err := parsed(good)
	if err != nil {
		return n, append(wrong, wrongSetting{root.Line, err.Error()}), nil
	}
	whole.Roles = app.AllRoles
	for _, text := range each(whole.Validate()) {
		line := root.Line
		if m := flagName.FindStringSubmatch(text); m != nil && lines[m[1]] > 0 {
			line = lines[m[1]]
		}
		wrong = append(wrong, wrongSetting{line, text})
	}
	slices.SortStableFunc(wrong, func(a, b wrongSetting) int { return a.line - b.line })
	return n, wrong, nil
}

// goodSetting adds a value to the good ones, or says why its key does not take it.
func goodSetting(good fileSettings, name string, value *yaml.Node) (found string) {
	one := fileSettings{}
	if err := (&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: name}, value}}).Decode(&one); err != nil {
		return name + ": " + err.Error()
	}
	if _, err := parsed(one); err != nil {
		return err.Error()
	}
	good[name] = one[name]
	return ""
}

// parsed are settings as the command line understands them, without the
// environment. Keys of commands that do something else count as known.
func parsed(s fileSettings) (app.Config, error) {
	var c struct {
		Settings unchecked `embed:""`
	}
	parser, err := kong.New(&c, kong.Name("usher"), kong.NoDefaultHelp(), kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard), kong.Resolvers(onlyResolve{s}))
	if err != nil {
		return app.Config(c.Settings), err
	}
	_, err = parser.Parse(nil)
	var context *kong.ParseError
	if errors.As(err, &context) {
		err = errors.New(strings.TrimPrefix(context.Error(), "usher: "))
	}
	return app.Config(c.Settings), err
}

// onlyResolve knows all keys.
type onlyResolve struct{ fileSettings }

func (onlyResolve) Validate(*kong.Application) error { return nil }

// allKeys are the keys that a settings file may have: the flags of all commands.
func allKeys() ([]string, error) {
	whole, err := kong.New(&cli{}, kong.Name("usher"))
	if err != nil {
		return nil, err
	}
	return keysOf(whole.Model), nil
}

// each is an error of several as their texts.
func each(err error) (texts []string) {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			texts = append(texts, each(e)...)
		}
		return texts
	}
	return []string{err.Error()}
}
