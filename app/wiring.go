package app

import (
	"fmt"

	"usher/account"
	"usher/bridge"
	"usher/catcher"
	"usher/console"
	"usher/event"
	"usher/ingest"
	"usher/metrics"
	"usher/notify"
	"usher/streams"
	"usher/workflows"
)

// What joins each stage to its neighbours is made here, one function a stage, so
// that a test can look whether anything is missing. Stages whose constructors do
// not ask for what they need are asked here, by whole.

// whole returns c, or an error that says what it lacks.
func whole[T any](c T, mayBeEmpty ...string) (T, error) {
	return c, event.Whole(c, mayBeEmpty...)
}

func (p *process) catcherConfig() (c catcher.Config, err error) {
	rules, err := secret("catcher-chaos", p.CatcherChaos, p.CatcherChaosFile)
	if err != nil {
		return c, err
	}
	chaos, err := catcher.ParseChaos(rules)
	if err != nil {
		return c, fmt.Errorf("--catcher-chaos: %w", err)
	}
	return whole(catcher.Config{
		Dir: p.path("catcher"), SMTPAddr: p.CatcherSMTPAddr, HTTPAddr: p.CatcherHTTPAddr, Chaos: chaos,
		Guard: p.shared.Guard("catcher", p.Log), Log: p.Log,
	}, "Chaos")
}

func (p *process) activities(m *metrics.Worker, sender *notify.Sender, target account.Target) (*workflows.Activities, error) {
	return whole(&workflows.Activities{
		Facts: p.pub, People: p.people, Sender: delivery{sender}, Accounts: accounts{target}, Orphanage: orphanage{p.js, p.pub},
		Metrics: m, Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
	}, "Tracer", "Fault")
}

func (p *process) bridgeConfig() (c bridge.Config, err error) {
	return whole(bridge.Config{
		JetStream: p.js, People: p.people, Workflows: bridge.NewTemporal(p.temporal), Publisher: p.pub, Records: streams.NewRecords(p.js),
		UserIDByEmail: p.userIDByEmail,
		Settings:      p.settings(""), Inboxes: p.inboxSettings(), Verifiers: p.verifiers(), MostParked: p.MostParked, AckWait: p.AckWait,
		Dir: p.path("bridge"), Switch: p.pauses.Switch(event.StageBridge),
		Metrics: metrics.NewBridge(p.registry, p.shared), Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
	}, "MostParked", "Workers", "AckWait", "MaxDeliver", "Tracer", "Fault")
}

// userIDByEmail derives the id of a user whose record had none.
func (p *process) userIDByEmail(email string) string { return p.key.UserID(email, "") }

func (p *process) sampler() (*streams.Sampler, error) {
	s := &streams.Sampler{JetStream: p.js, Metrics: metrics.NewStreams(p.registry), Errors: p.figures.SamplerErrors, Guard: p.shared.Guard("streams", p.Log), Log: p.Log}
	if p.ownNATS != nil {
		s.MaxStore = p.servers.MaxStore()
	}
	return whole(s, "Every", "MaxStore")
}

func (p *process) room(s *streams.Sampler) (*streams.Room, error) {
	return whole(&streams.Room{
		JetStream: p.js, UserID: p.userIDByEmail,
		ParkedFor: max(p.ParkedFor, event.DefaultSettings().ParkedFor), // open runs keep the one that they were started with
		Purged:    s.Metrics.Purged, Guard: p.shared.Guard("streams", p.Log), Log: p.Log,
	}, "Every")
}

func (p *process) consoleConfig() (c console.Config, err error) {
	password, err := secret("console-password", p.ConsolePassword, p.ConsolePasswordFile)
	if err != nil {
		return c, err
	}
	messages, err := p.Content.previews()
	if err != nil {
		return c, err
	}
	reasons, err := p.rejectReasons()
	if err != nil {
		return c, err
	}
	proxies, err := p.proxies()
	if err != nil {
		return c, err
	}
	issuer, err := p.issuer()
	if err != nil {
		return c, err
	}
	grants, err := p.grants()
	if err != nil {
		return c, err
	}
	header, err := p.trustedHeader()
	if err != nil {
		return c, err
	}
	figures := metrics.NewConsole(p.registry, p.shared)
	var in console.Intake
	if p.store, err = p.uploads(figures); err != nil {
		return c, err
	}
	if p.store != nil {
		in = intake{p.store}
	}
	rules, _ := p.fourEyes() // Validate has looked at them
	return console.Config{
		Intake: in, FourEyes: rules,
		UndoWindow: p.UndoWindow, RejectReasons: reasons, TemporalUI: p.temporalUI(),
		Listener: p.console, JetStream: p.js, DB: p.path("console.db"), Ledger: p.people, Trouble: streams.NewTrouble(p.js), Password: password, URL: p.ConsoleURL, Proxies: proxies, NoBasicAuth: p.ConsoleNoBasicAuth,
		Issuer: issuer, TrustedHeader: header, Grants: grants, IssuedFor: p.OIDCSession, NoLocalAccounts: p.NoLocalAccounts,
		PrintPassword: func(user, password string) {
			fmt.Fprintf(p.Out, "\n  Sign in to the console as %s, with the password %s\n  It is printed this once only.\n", user, password)
		},
		Payloads: p.payloads(), PayloadOrigins: p.payloadOrigins(), Previews: messages, Paused: p.pauses.Now, Metrics: figures, Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
	}, nil
}

func (p *process) ingestConfig() (c ingest.Config, err error) {
	var inboxes []ingest.Inbox
	var sources []string
	for _, in := range p.inboxes() {
		inbox, err := p.Rules.ForInbox(in.Source, in.Dir)
		if err != nil {
			return c, err
		}
		inboxes = append(inboxes, inbox)
		sources = append(sources, in.Source)
	}
	return ingest.Config{
		Inboxes: inboxes, Archive: p.path("archive"), Refused: p.path("refused"), Key: p.key, JetStream: p.js,
		Keep: p.KeepFiles, Behind: p.MostWaiting, Events: p.Network.Files,
		Switch:  p.pauses.Switch(event.StageIntake),
		Metrics: metrics.NewIngest(p.registry, p.shared, ingest.RowCodes, sources...), Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
	}, nil
}
