// Command generate writes the parts of docs/ that are made from the code. Run it
// from the project's root.
package main

import (
	"fmt"
	"os"
	"strings"

	"usher/cmd"
	"usher/docs"
)

func main() {
	settings, err := cmd.Settings()
	if err != nil {
		fail(err)
	}
	whole := func(make func([]cmd.Setting) string) func(string, []byte) ([]byte, error) {
		return func(string, []byte) ([]byte, error) { return []byte(make(settings)), nil }
	}
	for path, generate := range map[string]func(root string, was []byte) ([]byte, error){
		"docs/architecture.md":          docs.Architecture,
		"docs/intake.md":                docs.Intake,
		"docs/examples/usher.yaml":      whole(cmd.ExampleSettings),
		"docs/schemas/settings.v1.json": whole(cmd.SettingsSchema),
		"docs/settings.md": func(_ string, was []byte) ([]byte, error) {
			head, _, _ := strings.Cut(string(was), "\n## ") // written by hand
			return []byte(head + cmd.SettingsTable(settings)), nil
		},
	} {
		was, err := os.ReadFile(path)
		if err == nil {
			was, err = generate(".", was)
		}
		if err == nil {
			err = os.WriteFile(path, was, 0o644)
		}
		if err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
