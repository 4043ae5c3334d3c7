package app

import (
	"context"
	"time"

	"usher/disk"
	"usher/event"
)

// watchProcess keeps the gauges about what this process stands on up to date.
func (p *process) watchProcess(ctx context.Context) error {
	event.Every(ctx, 10*time.Second, p.life.guard.Func("measuring the process", p.measure))
	return nil
}

func (p *process) measure() {
	if free, size, err := disk.Free(p.Data); err == nil {
		p.figures.DiskFree.Set(float64(free))
		p.figures.DiskSize.Set(float64(size))
	} else {
		p.figures.SamplerErrors.Inc()
	}
	if p.nc == nil { // of a catcher
		return
	}
	if tls, err := p.nc.TLSConnectionState(); err == nil && len(tls.PeerCertificates) > 0 {
		p.figures.CertificateExpiry.WithLabelValues("nats").Set(float64(tls.PeerCertificates[0].NotAfter.Unix()))
	}
	if p.ownNATS != nil {
		p.servers.Measure(p.ownNATS)
	}
}
