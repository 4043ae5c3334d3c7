package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"usher/app"
	"usher/doctor"
	"usher/event"
)

type doctorCmd struct {
	Check  doctorCheckCmd  `cmd:"" default:"withargs" help:"Check everything (the default)."`
	Bundle doctorBundleCmd `cmd:"" help:"Write what the doctor sees into an archive that may be given away, without secrets and personal data."`
}

// patient is what both commands take: the settings of the system, and what no setting says.
type patient struct {
	Settings settings `embed:""`

	Pre           bool              `help:"Check what can be checked before the first start, including the ports that usher will listen on."`
	Probe         bool              `help:"Also try what cannot be seen: a file of the doctor's own is renamed in each inbox, and a task queue of its own is polled."`
	Role          []string          `help:"Roles that run with these settings; without it all: watch, bridge, worker, console." enum:"watch,bridge,worker,console" placeholder:"ROLE"`
	NATSMonitor   string            `name:"nats-monitor" help:"Monitoring address of a NATS server, which tells how often it syncs its disk, such as http://nats-1:8222." placeholder:"URL"`
	Workers       int               `help:"How many workers send, for the sum of their rates." default:"1"`
	ProviderLimit map[string]string `help:"How many messages a provider takes of all workers together, such as smtp=50/s." placeholder:"NAME=RATE"`
}

func (p patient) doctor(s *session) app.Doctor {
	return app.Doctor{
		Config: app.Config(p.Settings), Version: s.Version, Pre: p.Pre, Probe: p.Probe, Role: p.Role, Monitor: p.NATSMonitor, Workers: p.Workers, ProviderLimits: p.ProviderLimit,
	}
}

type doctorCheckCmd struct {
	Patient patient `embed:""`

	JSON bool          `name:"json" help:"Print one JSON document."`
	Wait time.Duration `help:"Check again until nothing fails, for so long at most."`
	From string        `help:"Judge what a bundle holds, and look at nothing here." type:"path" placeholder:"FILE"`
}

// errUnhealthy is the end of a report that says what is wrong.
var errUnhealthy = errors.New("")

// Run executes `usher doctor`.
func (c doctorCheckCmd) Run(s *session) error {
	report, err := c.report(s)
	if err != nil {
		return err
	}
	print := report.Text
	if c.JSON {
		print = report.JSON
	}
	if err := print(s.stdout); err != nil {
		return err
	}
	if !report.Healthy {
		return errUnhealthy
	}
	return nil
}

func (c doctorCheckCmd) report(s *session) (doctor.Report, error) {
	if c.From != "" {
		facts, err := doctor.ReadBundle(c.From)
		return doctor.Judge(facts), err
	}
	limit, cancel := context.WithTimeout(s.ctx, c.Wait)
	defer cancel()
	var said []string
	for {
		facts, _, err := c.Patient.doctor(s).Examine(s.ctx)
		report := doctor.Judge(facts)
		if err != nil || report.Healthy || limit.Err() != nil {
			return report, err
		}
		if failing := report.Failing(); !slices.Equal(failing, said) {
			said = failing
			fmt.Fprintf(s.stderr, "waiting for %s\n", strings.Join(failing, ", "))
		}
		event.Sleep(limit, time.Second) // at its end one more look, at what the wait was for
	}
}

type doctorBundleCmd struct {
	File    string  `arg:"" help:"The archive (.tar.gz)." type:"path" placeholder:"FILE"`
	Patient patient `embed:""`
}

// Run executes `usher doctor bundle`.
func (c doctorBundleCmd) Run(s *session, k *kong.Context) error {
	settings, err := Settings()
	if err != nil {
		return err
	}
	facts, hide, err := c.Patient.doctor(s).Examine(s.ctx)
	if err != nil {
		return err
	}
	if err := doctor.WriteBundle(c.File, facts, hide, doctor.File{Name: "settings.txt", Text: harmless(settings, k.Selected().Flags)}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "written to %s; `usher doctor --from %s` reads it anywhere\n", c.File, c.File)
	return err
}

// harmless are the settings in force whose values can be nothing but numbers, times
// and words of usher's own; of the others only whether they are set.
func harmless(settings []Setting, flags []*kong.Flag) string {
	var b strings.Builder
	for _, s := range settings {
		i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == s.Key })
		if i < 0 || s.Hidden {
			continue
		}
		v := flags[i].Target
		switch open := len(s.Enum) > 0 || slices.Contains([]Kind{KindFlag, KindNumber, KindDuration, KindSize}, s.Kind); {
		case open:
			fmt.Fprintf(&b, "%s: %s\n", s.Key, inYAML(v))
		case v.IsZero():
			fmt.Fprintf(&b, "# %s: not set\n", s.Key)
		default:
			fmt.Fprintf(&b, "# %s: set, and not shown\n", s.Key)
		}
	}
	return b.String()
}
