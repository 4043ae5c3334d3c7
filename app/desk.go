package app

import (
	"fmt"
	"net/url"
	"os"

	"usher/console"
)

// rejectReasons reads those of the deployment; nil when it has none.
func (p *process) rejectReasons() ([]console.Reason, error) {
	if p.RejectReasons == "" {
		return nil, nil
	}
	f, err := os.Open(p.RejectReasons)
	if err != nil {
		return nil, fmt.Errorf("--reject-reasons: the file cannot be read: %w", err)
	}
	defer f.Close()
	reasons, err := console.ReadReasons(f)
	if err != nil {
		return nil, fmt.Errorf("--reject-reasons: %s: %w", p.RejectReasons, err)
	}
	return reasons, nil
}

// temporalUI is where Temporal's web pages show the workflows of the namespace; ""
// when no such pages are known.
func (p *process) temporalUI() string {
	base := p.TemporalUIOrigin
	if base == "" && p.addr.TemporalUI != "" {
		base = (&url.URL{Scheme: "http", Host: p.addr.TemporalUI}).String()
	}
	if base == "" {
		return ""
	}
	return base + "/namespaces/" + url.PathEscape(p.TemporalNamespace)
}
