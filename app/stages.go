package app

import (
	"cmp"
	"context"
	"time"

	"usher/bridge"
	"usher/canary"
	"usher/catcher"
	"usher/console"
	"usher/event"
	"usher/ingest"
	"usher/metrics"
	"usher/workflows"
)

func (p *process) startCatcher(ctx context.Context) (err error) {
	if !p.Up && !p.Roles.Catcher {
		return nil
	}
	if mail, text, err := p.Delivery.named(); p.Up && (err != nil || mail && text) {
		return err
	}
	c, err := p.catcherConfig()
	if err != nil {
		return err
	}
	if p.catcher, err = catcher.Open(c); err != nil {
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
		if err := p.openLives(ctx); err != nil {
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
		a, err := p.activities(m, sender, target)
		if err != nil {
			return err
		}
		p.life.start(ctx, part{"sender", func(ctx context.Context) error { // outlives those who send
			<-ctx.Done()
			return sender.Close()
		}, time.Second})
		reports, err := p.reportParts(sender)
		if err != nil {
			return err
		}
		parts = append(parts, reports...)
		parts = append(parts, p.choresOfWorker(list), part{"worker", func(ctx context.Context) error {
			return workflows.Run(ctx, p.temporal, a)
		}, workflows.StopTimeout + 500*time.Millisecond})
	}
	if p.Roles.Bridge {
		c, err := p.bridgeConfig()
		if err != nil {
			return err
		}
		p.sayFourEyes()
		b := bridge.New(c)
		p.ops.add("bridge", b.Ready)
		sampler, err := p.sampler()
		if err != nil {
			return err
		}
		room, err := p.room(sampler)
		if err != nil {
			return err
		}
		parts = append(parts, part{"bridge", b.Run, 7 * time.Second}, part{"sampler", sampler.Run, time.Second}, part{"room", room.Run, time.Second}, p.choresOfBridge())
	}
	floor := time.Duration(0)
	if p.Roles.Worker {
		floor = handOver
	}
	p.life.startSure(ctx, floor, parts...)
	return nil
}

// startProducers starts what brings work in.
func (p *process) startProducers(ctx context.Context) error {
	var parts []part
	if p.Roles.Console {
		config, err := p.consoleConfig()
		if err != nil {
			return err
		}
		c, err := console.New(ctx, config)
		if err != nil {
			return err
		}
		p.ops.serve("console", c.Ready)
		if p.store != nil {
			parts = append(parts, part{"uploads", p.store.Run, time.Second})
		}
		db, err := pulseOfDB(p.path("console.db"))
		if err != nil {
			return err
		}
		p.ops.add("console-db", db.ready)
		parts = append(parts, part{"console", c.Run, 2 * time.Second}, part{"pulse of console.db", func(ctx context.Context) error {
			defer db.close()
			return pulses{db.pulse}.guardedBy(p.life.guard).run(ctx, func() {}) // what waits for a disk is not helped by a new start
		}, time.Second})
	}
	if p.Roles.Watch {
		c, err := p.ingestConfig()
		if err != nil {
			return err
		}
		w, err := ingest.New(c)
		if err != nil {
			return err
		}
		p.ops.add("watch", w.Ready)
		parts = append(parts, part{"watch", w.Run, 5 * time.Second})
	}
	p.life.start(ctx, parts...)
	return nil
}

// canarySink is where canary messages go when the catcher takes them: a domain
// that never resolves (RFC 2606).
const canarySink = "canary@usher.invalid"

func (p *process) startCanary(ctx context.Context) error {
	if p.Config.Canary <= 0 {
		return nil
	}
	r := canary.Regular{
		Journey: canary.Journey{
			JetStream: p.js, Publisher: p.pub, Inbox: p.path(event.SourceCanary), Email: cmp.Or(p.CanaryEmail, canarySink), Phone: p.CanaryPhone,
		},
		Every: p.Config.Canary, Metrics: metrics.NewCanary(p.registry), Guard: p.life.guard, Log: p.Log,
	}
	p.life.start(ctx, part{"canary", r.Run, time.Second})
	return nil
}
