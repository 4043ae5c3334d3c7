package app

import (
	"context"
	"fmt"
	"time"

	"usher/bridge"
	"usher/catcher"
	"usher/console"
	"usher/event"
	"usher/ingest"
	"usher/metrics"
	"usher/streams"
	"usher/workflows"
)

func (p *process) startCatcher(ctx context.Context) (err error) {
	if !p.Up {
		return nil
	}
	if mail, text, err := p.Delivery.named(); err != nil || mail && text {
		return err
	}
	rules, err := secret("catcher-chaos", p.CatcherChaos, p.CatcherChaosFile)
	if err != nil {
		return err
	}
	chaos, err := catcher.ParseChaos(rules)
	if err != nil {
		return fmt.Errorf("--catcher-chaos: %w", err)
	}
	p.catcher, err = catcher.Open(catcher.Config{
		Dir: p.path("catcher"), SMTPAddr: p.CatcherSMTPAddr, HTTPAddr: p.CatcherHTTPAddr, Chaos: chaos, Log: p.Log,
	})
	if err != nil {
		return err
	}
	p.addr.CatcherSMTP, p.addr.CatcherHTTP = p.catcher.SMTPAddr(), p.catcher.HTTPAddr()
	p.life.start(ctx, part{"catcher", p.catcher.Run, 3 * time.Second})
	return nil
}

// startConsumers starts what takes work from the servers. They stop together,
// after the producers.
func (p *process) startConsumers(ctx context.Context) error {
	var parts []part
	if p.Roles.Worker {
		m := metrics.NewWorker(p.registry, p.shared)
		list, receipts, err := p.openDelivery(ctx, m)
		if err != nil {
			return err
		}
		sender, err := p.sender(m, list, receipts)
		if err != nil {
			return err
		}
		listeners, err := p.receiptParts(receipts)
		if err != nil {
			return err
		}
		parts = append(parts, listeners...)
		target, err := newTarget(p.Accounts, m, p.Log)
		if err != nil {
			return err
		}
		a := &workflows.Activities{
			Facts: p.pub, People: p.people, Sender: delivery{sender}, Accounts: accounts{target}, Orphanage: orphanage{p.js, p.pub},
			Metrics: m, Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
		}
		p.life.start(ctx, part{"sender", func(ctx context.Context) error { // outlives those who send
			<-ctx.Done()
			return sender.Close()
		}, time.Second})
		found := metrics.NewReports(p.registry)
		if p.ReconcileEvery == 0 {
			p.registry.Unregister(found.Last) // nothing can be late
		}
		reports := &regular{
			settings: p.Reports, books: books{streams.NewJournal(p.js), p.people, p.temporal}, store: p.reports, sender: sender,
			metrics: found, log: p.Log,
		}
		parts = append(parts, part{"reports", func(ctx context.Context) error { return reports.run(ctx, p.temporal) }, workflows.StopTimeout + 500*time.Millisecond})
		parts = append(parts, part{"worker", func(ctx context.Context) error {
			return workflows.Run(ctx, p.temporal, a)
		}, workflows.StopTimeout + 500*time.Millisecond})
	}
	if p.Roles.Bridge {
		records, err := streams.NewRecords(ctx, p.js)
		if err != nil {
			return err
		}
		b := bridge.New(bridge.Config{
			JetStream: p.js, People: p.people, Workflows: bridge.NewTemporal(p.temporal), Publisher: p.pub, Records: records,
			UserIDByEmail: func(email string) string { return p.key.UserID(email, "") },
			Settings:      p.settings(""), Inboxes: p.inboxSettings(), Verifiers: p.verifiers(), MostParked: p.MostParked, AckWait: p.AckWait,
			Metrics: metrics.NewBridge(p.registry, p.shared), Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
		})
		p.ops.add("bridge", b.Ready)
		sampler := streams.Sampler{JetStream: p.js, Metrics: metrics.NewStreams(p.registry), Errors: p.figures.SamplerErrors, Log: p.Log}
		if p.ownNATS != nil {
			sampler.MaxStore = p.servers.MaxStore()
		}
		room := streams.Room{
			JetStream: p.js, UserID: func(email string) string { return p.key.UserID(email, "") },
			ParkedFor: max(p.ParkedFor, event.DefaultSettings().ParkedFor), // open runs keep the one that they were started with
			Purged:    sampler.Metrics.Purged, Log: p.Log,
		}
		parts = append(parts, part{"bridge", b.Run, 7 * time.Second}, part{"sampler", sampler.Run, time.Second}, part{"room", room.Run, time.Second})
	}
	p.life.start(ctx, parts...)
	return nil
}

// startProducers starts what brings work in.
func (p *process) startProducers(ctx context.Context) error {
	var parts []part
	if p.Roles.Console {
		password, err := secret("console-password", p.ConsolePassword, p.ConsolePasswordFile)
		if err != nil {
			return err
		}
		messages, err := p.Content.previews()
		if err != nil {
			return err
		}
		c, err := console.New(ctx, console.Config{
			Listener: p.console, JetStream: p.js, DB: p.path("console.db"), Password: password,
			PrintPassword: func(user, password string) {
				fmt.Fprintf(p.Out, "\n  The console's account is %s, its password %s\n  It is printed this once only.\n", user, password)
			},
			Payloads: p.payloads(), PayloadOrigins: p.payloadOrigins(), Previews: messages, Metrics: metrics.NewConsole(p.registry, p.shared), Tracer: p.tracer, Log: p.Log,
		})
		if err != nil {
			return err
		}
		p.ops.add("console", c.Ready)
		parts = append(parts, part{"console", c.Run, 2 * time.Second})
	}
	if p.Roles.Watch {
		var inboxes []ingest.Inbox
		var sources []string
		for _, in := range p.inboxes() {
			inbox, err := p.Rules.ForInbox(in.Source, in.Dir)
			if err != nil {
				return err
			}
			inboxes = append(inboxes, inbox)
			sources = append(sources, in.Source)
		}
		w, err := ingest.New(ingest.Config{
			Inboxes: inboxes, Archive: p.path("archive"), Refused: p.path("refused"), Key: p.key, JetStream: p.js,
			Keep: p.KeepFiles, Behind: p.MostWaiting,
			Metrics: metrics.NewIngest(p.registry, p.shared, ingest.RowCodes, sources...), Tracer: p.tracer, Log: p.Log, Fault: p.Fault,
		})
		if err != nil {
			return err
		}
		p.ops.add("watch", w.Ready)
		parts = append(parts, part{"watch", w.Run, 5 * time.Second})
	}
	p.life.start(ctx, parts...)
	return nil
}
