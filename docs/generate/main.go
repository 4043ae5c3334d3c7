// Command generate writes the parts of docs/ that are made from the code, and puts
// the prose of all pages in short lines. Run it from the project's root.
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
	whole := func(make func([]cmd.Setting) string) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return []byte(make(settings)), nil }
	}
	for path, anew := range map[string]func(was []byte) ([]byte, error){
		"docs/architecture.md":          func(was []byte) ([]byte, error) { return docs.Architecture(".", was) },
		"docs/systems.md":               func(was []byte) ([]byte, error) { return docs.Systems(".", was) },
		"docs/delivery.md":              docs.Delivery,
		"docs/doctor.md":                docs.Doctor,
		"docs/security.md":              docs.Security,
		"docs/api.md":                   docs.API,
		"docs/examples/usher.yaml":      whole(cmd.ExampleSettings),
		"docs/schemas/settings.v1.json": whole(cmd.SettingsSchema),
		"docs/settings.md": func(was []byte) ([]byte, error) {
			head, _, _ := strings.Cut(string(was), "\n## ") // written by hand
			return []byte(head + cmd.SettingsTable(settings)), nil
		},
	} {
		rewrite(path, anew)
	}
	pages, err := docs.Pages(".")
	if err != nil {
		fail(err)
	}
	for _, path := range pages {
		rewrite(path, func(text []byte) ([]byte, error) { return []byte(docs.Wrap(string(text))), nil })
	}
}

// rewrite puts what anew makes of a file in its place.
func rewrite(path string, anew func(text []byte) ([]byte, error)) {
	text, err := os.ReadFile(path)
	if err == nil {
		text, err = anew(text)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
