package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"usher/app"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main is what the binary brings: its version and, unless it was built without
// them, the servers that it can embed.
type Main struct {
	Version string
	Embed   func(context.Context, app.EmbedConfig) (app.Embedded, error)
}

// io are a command's surroundings.
type session struct {
	Main
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

type cli struct {
	SettingsFile kong.ConfigFlag `name:"config" help:"Settings file; its keys are the names of the flags." placeholder:"FILE" env:"USHER_CONFIG"`

	Up      upCmd      `cmd:"" help:"Run everything in one process: servers, catcher and all roles."`
	Watch   watchCmd   `cmd:"" help:"Run the watch role: files become events."`
	Bridge  bridgeCmd  `cmd:"" help:"Run the bridge role: events become workflows and signals."`
	Worker  workerCmd  `cmd:"" help:"Run the worker role: workflows, activation, messages."`
	Console consoleCmd `cmd:"" help:"Run the console role: web pages and API."`

	Catcher catcherCmd `cmd:"" help:"Run a sink for trying: e-mail and text messages are taken, shown and sent to no one."`

	Config configCmd `cmd:"" help:"Print or check the settings."`

	Setup setupCmd `cmd:"" help:"Make the streams on NATS servers, and the namespace and search attributes of Temporal, with accounts that may."`

	Check    checkCmd    `cmd:"" help:"Say what an import of files would do; nothing is published."`
	Columns  columnsCmd  `cmd:"" help:"Say what the columns of a file are taken for, or save what they are."`
	Redrop   redropCmd   `cmd:"" help:"Import a file again although its content is known."`
	Release  releaseCmd  `cmd:"" help:"Let a file go that is held because it may not be whole, or refuse it."`
	Verify   verifyCmd   `cmd:"" help:"Decide about users."`
	Withdraw withdrawCmd `cmd:"" help:"Stop an onboarding wherever it is, and undo the account."`
	Reopen   reopenCmd   `cmd:"" help:"Start the onboarding of a user again whose last one is over."`
	Resend   resendCmd   `cmd:"" help:"Send the welcome again."`
	Forget   forgetCmd   `cmd:"" help:"Remove one person's data from everywhere, and list the files that still name them."`
	Export   exportCmd   `cmd:"" help:"Print users and their state as CSV or JSON Lines."`
	Status   statusCmd   `cmd:"" help:"Say where a file, an import, a user or an event stands."`

	Pause  pauseCmd  `cmd:"" help:"Pause a stage: intake, bridge or delivery. Nothing is lost meanwhile."`
	Resume resumeCmd `cmd:"" help:"Let a stage go on that was paused."`

	Account accountCmd `cmd:"" help:"Say who may sign in at the console, and what each may do there."`

	Audit auditCmd `cmd:"" help:"Look whether the trail of who did what is whole, or print it."`

	Token tokenCmd `cmd:"" help:"Let programs use the console's API."`

	Suppress suppressCmd `cmd:"" help:"Keep a list of addresses that get no messages."`

	Notify notifyCmd `cmd:"" help:"Try and preview the messages that users get."`

	Canary canaryCmd `cmd:"" help:"Send a canary user the whole way, and say where it stops."`

	Deadletters deadLettersCmd `cmd:"" help:"List, show and send again what could not be used."`

	Doctor doctorCmd `cmd:"" help:"Check everything that usher depends on, and say how to mend what is wrong."`

	Demo       demoCmd       `cmd:"" help:"Show the whole way in a folder of its own, without hands."`
	Completion completionCmd `cmd:"" help:"Print a script that completes usher's command lines in a shell."`
	Man        manCmd        `cmd:"" help:"Print the manual page."`

	Version versionCmd `cmd:"" help:"Print the version."`
}

// Run executes one command line (without the program's name) until it is done or
// ctx ends, and returns the exit code.
func Run(ctx context.Context, m Main, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &session{Main: m, ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("usher"), kong.Description("Makes user onboarding boring: drop a list of users, and each ends welcomed, rejected or visibly in between."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }),
		kong.DefaultEnvars("USHER"), kong.Configuration(loadYAML, "usher.yaml"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintf(stderr, "usher: %v\n", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == askComplete { // whatever is wrong with the settings
		complete(stdout, parser.Model.Node, args[1:])
		return exitDone
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // --help has been printed
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "usher: %v\n", err)
		var bad *settingsError
		if !errors.As(err, &bad) {
			fmt.Fprintln(stderr, "Run `usher --help`, or `usher COMMAND --help`.")
		}
		return exitUsage
	}
	err = explain(k.Command(), k.Run(s))
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUnhealthy): // the report says it
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "usher: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "usher: %v\n", err)
	return exitFailed
}

// explain says what an outage of NATS means for a command: whether it may have
// written something, and that it may be repeated.
func explain(command string, err error) error {
	words := strings.Fields(command)
	switch words[0] {
	case "up", "watch", "bridge", "worker", "console", "catcher", "demo", "doctor": // they wait for it, or say so themselves
		return err
	case "status", "export":
		return app.Explain("nothing was written", app.SafeAgain, err)
	case "account", "token", "audit", "deadletters", "suppress":
		if slices.Contains([]string{"ls", "show", "verify", "export"}, words[1]) {
			return app.Explain("nothing was written", app.SafeAgain, err)
		}
	}
	return app.Explain("what the command writes may have been stored", app.SafeAgain, err)
}

// usageError is a command line that parses and makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

// logger is the log of a long-running command. People read stdout, so the log
// goes to stderr.
func (s *session) logger(b app.Base) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(b.LogLevel)) // the flag allows good ones only
	o := &slog.HandlerOptions{Level: level}
	if b.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(s.stderr, o))
	}
	return slog.New(slog.NewTextHandler(s.stderr, o))
}

type versionCmd struct{}

func (versionCmd) Run(s *session) error {
	_, err := fmt.Fprintln(s.stdout, s.Version)
	return err
}
