package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct{}

// Run executes `usher man`.
func (manCmd) Run(s *session, k *kong.Context) error {
	settings, err := Settings()
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.stdout, ManPage(k.Model, settings, s.Version))
	return err
}

var roffs = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ", "…", "...", "“", `"`, "”", `"`)

// roff is a text as it stands in a line of a manual page.
func roff(text string) string {
	text = roffs.Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") { // else it is a request
		text = `\&` + text
	}
	return text
}

// ManPage is the page usher(1), made from the commands and the settings.
func ManPage(app *kong.Application, settings []Setting, version string) string {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	w(".\\\" made by `usher man`")
	w(`.TH USHER 1 "" "usher %s" "User Commands"`, roff(version))
	w(".SH NAME\nusher \\- from lists of users to welcomed users")
	w(".SH SYNOPSIS\n.B usher\n.I COMMAND\n.RI [ FLAGS ]\n.RI [ ARGUMENTS ]")
	w(".SH DESCRIPTION\n%s\n.PP\n%s", roff(app.Help), roff("Every setting is a flag, an environment variable and a key of usher.yaml; flags come first, then the environment, then the file, then the default."))
	keys := map[string]bool{"help": true, "config": true}
	for _, s := range settings {
		keys[s.Key] = !s.Hidden
	}
	w(".SH COMMANDS")
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		for _, c := range n.Children {
			if c.Hidden {
				continue
			}
			name := path + " " + c.Name
			if len(c.Children) == 0 {
				manCommand(w, c, name, keys)
			}
			walk(c, name)
		}
	}
	walk(app.Node, "usher")
	w(".SH SETTINGS\n%s", roff("Of the commands that run for long and of those that check them; usher COMMAND --help says which command has which."))
	for _, s := range settings {
		if s.Hidden {
			continue
		}
		w(".TP\n.B %s\n%s", roff("--"+s.Key), roff(s.Help))
		if s.Default != "" {
			w("The default is %s.", roff(s.Default))
		}
		w("Environment: %s.", roff(s.Env))
	}
	w(".SH ENVIRONMENT\n.TP\n.B USHER_*\n%s", roff("Settings; the name of each stands with it."))
	w(".TP\n.B NATS_URL\n%s", roff("NATS servers, for commands and roles that were not told --nats-url. usher up does not follow it."))
	w(".TP\n.B TEMPORAL_*\n%s", roff("As Temporal's own tools take them, for roles."))
	w(".SH FILES\n.TP\n.B usher.yaml\n%s", roff("Settings, in the folder in which usher is started, or at --config FILE."))
	w(".TP\n.B usher\\-data/\n%s", roff("The data folder: inbox/, archive/, refused/, and the state of the embedded servers."))
	w(".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nFailed.\n.TP\n.B 2\nThe command line makes no sense.")
	return b.String()
}

// manCommand is one command: what it does, and the flags that are no settings.
func manCommand(w func(string, ...any), c *kong.Node, name string, settings map[string]bool) {
	heading := roff(name)
	for _, p := range c.Positional {
		arg := strings.ToUpper(p.Name)
		if p.Tag.PlaceHolder != "" {
			arg = p.Tag.PlaceHolder
		}
		heading += " " + roff(arg)
	}
	w(".SS %s\n%s", heading, roff(c.Help))
	shared := false
	for _, f := range c.Flags {
		if settings[f.Name] {
			shared = shared || f.Name != "help" && f.Name != "config"
			continue
		}
		if f.Hidden {
			continue
		}
		flag := ".B " + roff("--"+f.Name)
		if !f.IsBool() {
			flag = ".BI " + roff("--"+f.Name) + " \" " + roff(strings.Trim(f.FormatPlaceHolder(), `"`)) + "\""
		}
		w(".TP\n%s\n%s", flag, roff(f.Help))
	}
	if shared {
		w(".PP\n%s", roff("It takes settings too, see SETTINGS."))
	}
}
