// Command generate writes the parts of docs/ that are made from the code. Run it
// from the project's root.
package main

import (
	"fmt"
	"os"

	"usher/cmd"
	"usher/docs"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate() error {
	const path = "docs/architecture.md"
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tree, err := docs.Architecture(".", was)
	if err != nil {
		return err
	}
	settings, err := cmd.Settings()
	if err != nil {
		return err
	}
	for path, text := range map[string]string{
		path:                            string(tree),
		"docs/settings.md":              settingsHead + cmd.SettingsTable(settings),
		"docs/examples/usher.yaml":      cmd.ExampleSettings(settings),
		"docs/schemas/settings.v1.json": cmd.SettingsSchema(settings),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const settingsHead = `# Settings

Made from the code by ` + "`make generate`" + `. Each key of ` + "`usher.yaml`" + ` is a flag (` + "`--console-addr`" + `) and an environment
variable (` + "`USHER_CONSOLE_ADDR`" + `) too. Flags come before the environment, that before the file, that
before the default. ` + "`usher.yaml`" + ` is read from the folder in which usher is started, or from
` + "`--config FILE`" + ` (` + "`USHER_CONFIG`" + `); a key that is none is an error.

| command | does |
| --- | --- |
| ` + "`usher config print`" + ` | prints the settings in force, secrets left out |
| ` + "`usher config print --defaults`" + ` | an example of ` + "`usher.yaml`" + ` with every setting: [examples/usher.yaml](examples/usher.yaml) |
| ` + "`usher config print --schema`" + ` | its JSON Schema, for editors: [schemas/settings.v1.json](schemas/settings.v1.json) |
| ` + "`usher config check FILE`" + ` | all that is wrong with a file, each at its line; exit code 1 |

A duration is written as ` + "`90s`, `15m` or `720h`" + `, a size as ` + "`6GB` or `512MiB`" + `. A list is ` + "`[a, b]`" + ` or ` + "`a,b`" + `, a
map ` + "`{hr: /srv/hr}`" + `; with the flag ` + "`--inbox hr=/srv/hr`" + `, repeated. A secret may also stand in a file
of its own: ` + "`smtp-password-file`" + `. "For" says which roles have a setting; ` + "`usher up`" + ` has all of them.
`
