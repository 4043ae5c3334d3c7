package app

import (
	"context"
	"time"

	"usher/disk"
)

// watchProcess keeps the gauges about what this process stands on up to date.
func (p *process) watchProcess(ctx context.Context) error {
	t := time.NewTicker(10 * time.Second)
	defer t.Stop()
	for {
		_ = p.life.guard.Do("measuring the process", func() error { p.measure(); return nil }) // the next time follows
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *process) measure() {
	if free, size, err := disk.Free(p.Data); err == nil {
		p.figures.DiskFree.Set(float64(free))
		p.figures.DiskSize.Set(float64(size))
	} else {
		p.figures.SamplerErrors.Inc()
	}
	if tls, err := p.nc.TLSConnectionState(); err == nil && len(tls.PeerCertificates) > 0 {
		p.figures.CertificateExpiry.WithLabelValues("nats").Set(float64(tls.PeerCertificates[0].NotAfter.Unix()))
	}
	if p.ownNATS != nil {
		p.servers.Measure(p.ownNATS)
	}
}
