package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"usher/console"
)

// proxies are the addresses of --trusted-proxies.
func (w Web) proxies() (out []netip.Prefix, err error) {
	var errs []error
	for _, s := range w.TrustedProxies {
		p, err := console.ParseProxy(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("--trusted-proxies: %w", err))
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// basePath is the path of --console-url without a slash at its end, under which the
// console answers on this machine, too. The settings were validated.
func (s Site) basePath() string {
	u, err := console.ParseURL(s.ConsoleURL)
	if err != nil { // there is none
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// local is where the console is reached from this machine.
func (p *process) local() string {
	host, port, _ := net.SplitHostPort(p.addr.Console)
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + p.addr.ConsolePath
}
