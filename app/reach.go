package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"usher/event"
	"usher/streams"
)

// connect reaches NATS and, for the roles that need it, Temporal: it waits for servers
// that are away, and ends with a sentence where waiting cannot help.
func (p *process) connect(ctx context.Context) error {
	if p.Roles.Catcher { // it needs no server
		return nil
	}
	if err := p.reachNATS(ctx); err != nil {
		return err
	}
	if err := p.openCodec(); err != nil || !p.Roles.Bridge && !p.Roles.Worker {
		return err
	}
	return p.reachTemporal(ctx)
}

func (p *process) reachNATS(ctx context.Context) (err error) {
	ownNATS := p.addr.NATS != ""
	if p.key, err = p.idKey(ownNATS); err != nil && (p.Roles.Watch || p.Roles.Bridge || p.Roles.Worker || p.Roles.Console) {
		return err
	}
	url := p.NATSURL
	if ownNATS {
		url = "nats://" + p.addr.NATS
	} else if url == "" {
		if url = os.Getenv("NATS_URL"); url == "" {
			url = nats.DefaultURL
		}
	}
	pings := externalPings
	if ownNATS {
		pings = embeddedPings
	}
	p.ops.waits("nats", errors.New("not connected yet"))
	if p.nc, err = connectNATS(ctx, url, p.NATSAccess, p.roleName(), pings, p.Log, p.life.guard, p.Network.nats()...); err != nil {
		return err
	}
	p.ops.waits("nats", nil)
	if p.addr.NATS == "" {
		p.addr.NATS = p.nc.ConnectedAddr()
	}
	js, err := newJetStream(p.nc)
	if err != nil {
		return err
	}
	observed, health := watch(js, p.Roles.needed())
	p.js = observed
	size := int64(p.Config.MaxStore)
	if p.servers != nil && ownNATS {
		size = p.servers.MaxStore()
	} else if size == 0 {
		size = 20 << 30
	}
	lost, err := lostStreams(p.AcceptLost)
	if err != nil {
		return err
	}
	o := streams.Options{MaxBytes: size / 20 * 19, Replicas: p.Replicas, AcceptLost: lost}
	if p.key != nil {
		o.KeyFingerprint = p.key.Fingerprint()
	}
	if err := p.waitFor(ctx, "streams", func(ctx context.Context) error {
		err := streams.Ensure(ctx, p.js, o)
		if err == nil && ownNATS {
			err = streams.AllowCanaryExpiry(ctx, p.js)
		}
		return explain(p.nc, err)
	}); err != nil {
		return err
	}
	err = p.bucket(ctx, event.BucketPeople, func(ctx context.Context) (err error) {
		p.people, err = streams.NewPeople(ctx, p.js)
		return err
	})
	if err == nil && p.Roles.Worker {
		err = p.bucket(ctx, event.BucketReports, func(ctx context.Context) (err error) {
			p.reports, err = streams.NewReports(ctx, p.js)
			return err
		})
	}
	if err == nil { // no stage begins before it is known whether it may
		err = p.waitFor(ctx, "pauses", func(ctx context.Context) (err error) {
			p.pauses, err = streams.NewPauses(ctx, p.js, p.figures.Paused, p.figures.PauseEnds, p.Log)
			return explain(p.nc, err)
		})
	}
	if err != nil {
		return err
	}
	p.ops.notes = p.pauses.Notes
	p.life.start(ctx, part{"pauses", p.pauses.Run, time.Second})
	if !ownNATS && p.Roles.Bridge { // the role whose account may ask
		p.warnOfLoss(ctx)
	}
	p.pub = streams.NewPublisher(p.js, p.shared)
	p.ops.need("nats", func() error {
		if !p.nc.IsConnected() {
			return errors.New("not connected")
		}
		return nil
	})
	if len(health) > 0 {
		p.ops.add("jetstream", health.ready)
		p.life.start(ctx, part{"pulse of JetStream", health.guardedBy(p.life.guard).turning(&p.ops.alive, "pulse of JetStream"), time.Second})
	}
	return nil
}

func (p *process) reachTemporal(ctx context.Context) error {
	address := p.addr.Temporal
	if address == "" {
		address = p.TemporalAddress
	}
	options, err := temporalOptions(address, p.TemporalNamespace, !p.Up)
	if err == nil {
		err = checkTemporal(options, p.TemporalInsecure)
	}
	if err != nil {
		return err
	}
	p.Network.temporal(&options)
	p.ops.add("payload-keys", p.codec.ready)
	pulse := &pulse{}
	sdkLog := slog.New(calm{p.Log.Handler(), &p.stopping})
	if p.temporal, err = connectTemporal(options, p.codec, newSDKMetrics(p.registry, p.life.guard), pulse.observe(options.Namespace), sdkLog); err != nil {
		return fmt.Errorf("the client of Temporal: %w", err)
	}
	pulse.probe = namespaceOf(p.temporal, options.Namespace)
	err = p.waitFor(ctx, "temporal", func(ctx context.Context) error { // a worker that is started without a namespace ends
		if _, err := p.temporal.CheckHealth(ctx, nil); err != nil {
			return err
		}
		return pulse.probe(ctx)
	})
	p.ops.add("temporal", pulse.ready)
	p.life.start(ctx, part{"pulse of Temporal", pulses{pulse}.guardedBy(p.life.guard).turning(&p.ops.alive, "pulse of Temporal"), time.Second})
	return err
}

// waitFor is retryUntil for what a start needs; /readyz says that it is waited for.
func (p *process) waitFor(ctx context.Context, what string, f func(context.Context) error) error {
	defer p.ops.waits(what, nil)
	return retryUntil(ctx, p.Log, what, func(ctx context.Context) error {
		err := f(ctx)
		p.ops.waits(what, err)
		return err
	})
}

// explain says what to do about streams that this process may not make.
func explain(nc *nats.Conn, err error) error {
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || nc.LastError() == nil { // what a server denies, it does not answer
		return err
	}
	if denied := nc.LastError(); errors.Is(denied, nats.ErrPermissionViolation) && strings.Contains(denied.Error(), "STREAM.CREATE") {
		return fmt.Errorf("the streams are not there, and this account may not make them: run usher setup with one that may (%w)", denied)
	}
	return fmt.Errorf("%w: %w", err, nc.LastError())
}

// warnOfLoss says in words when what the servers of others acknowledge may be
// lost.
func (p *process) warnOfLoss(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	doubts, err := streams.Durability(ctx, p.js)
	if err != nil {
		p.Log.Warn("could not check the copies of the streams", "error", err)
	}
	for _, d := range doubts {
		p.Log.Warn("acknowledged events may be lost", "cause", d)
		fmt.Fprintf(p.Out, "WARNING: %s\n", d)
	}
}
