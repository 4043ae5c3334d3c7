package cmd

import (
	"fmt"

	"usher/app"
	"usher/notify"
)

type notifyCmd struct {
	Test      notifyTestCmd      `cmd:"" help:"Send one message to an address of your own, and show every word of it."`
	Preview   notifyPreviewCmd   `cmd:"" help:"Print a message as its recipient would see it."`
	Templates notifyTemplatesCmd `cmd:"" help:"Write the messages that come with usher into a new folder, to be changed."`
}

type notifyTestCmd struct {
	Data         string `help:"Folder of a running usher, whose catcher takes what no provider is named for." default:"./usher-data" placeholder:"DIR"`
	app.Delivery `embed:""`
	To           string `help:"E-mail address or phone number that gets the message." placeholder:"RECIPIENT"`
	DryRun       bool   `help:"Only show what would be sent; secrets are masked."`
	Probe        bool   `help:"Only ask each provider what would become of a message, in its own words, and send none. Without --to of e-mail to the sender."`
	Provider     string `help:"Ask only this provider." placeholder:"NAME"`
	Name         string `help:"Name of the recipient." default:"Chloé Martin"`
	Locale       string `help:"Language of the recipient." default:"en" placeholder:"LANGUAGE"`
}

// Run executes `usher notify test`.
func (n notifyTestCmd) Run(s *session) error {
	if n.To == "" && !n.Probe {
		return usageError("say with --to who gets the message, or only ask the providers with --probe")
	}
	if n.DryRun && n.Probe {
		return usageError("--dry-run asks no provider, and --probe asks them: give one of them")
	}
	t, err := n.Delivery.Trial(n.Data)
	if err != nil {
		return err
	}
	t.To, t.Provider, t.Name, t.Locale, t.DryRun, t.Probe = n.To, n.Provider, n.Name, n.Locale, n.DryRun, n.Probe
	return t.Run(s.ctx, s.stdout)
}

type notifyPreviewCmd struct {
	app.Content `embed:""`
	Purpose     string            `help:"Which message." default:"welcome" placeholder:"NAME"`
	Locale      string            `help:"Language of the recipient." default:"en" placeholder:"LANGUAGE"`
	Name        string            `help:"Name of the recipient." default:"Chloé Martin"`
	Attribute   map[string]string `help:"What else is known of the recipient." placeholder:"KEY=VALUE"`
	HTML        bool              `name:"html" help:"Print only the HTML part of the e-mail."`
}

// Run executes `usher notify preview`.
func (n notifyPreviewCmd) Run(s *session) error {
	m, err := n.Preview(n.Purpose, n.Locale, n.Name, n.Attribute)
	if err != nil {
		return err
	}
	return m.Print(s.stdout, n.HTML)
}

type notifyTemplatesCmd struct {
	Dir string `arg:"" help:"The new folder." type:"path" placeholder:"DIR"`
}

// Run executes `usher notify templates`.
func (n notifyTemplatesCmd) Run(s *session) error {
	if err := notify.CopyBuiltin(n.Dir); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.stdout, "written to %s; change them, and name the folder with --templates\n", n.Dir)
	return err
}
