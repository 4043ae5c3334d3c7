package notify

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// Servers that take mail from strangers refuse clients that do not say who they
// are: a name without a dot is answered with 504 5.5.2 by many, and localhost is
// no name towards a server elsewhere.

// lookupLimit is how long the machine's full name is asked for.
const lookupLimit = 2 * time.Second

// fullHostname is the machine's name when it has a full one, else "". In a
// container there is most often none.
var fullHostname = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	if isFullName(host) {
		return host
	}
	ctx, stop := context.WithTimeout(context.Background(), lookupLimit)
	defer stop()
	name, err := net.DefaultResolver.LookupCNAME(ctx, host) // as hostname -f does
	if name = strings.TrimSuffix(name, "."); err == nil && isFullName(name) {
		return name
	}
	return ""
})

// isFullName tells whether a host name can be one in the DNS: two labels at least, of
// letters, digits and hyphens (RFC 5321, 4.1.2), and not one of those that mean
// this machine or this network only.
func isFullName(host string) bool {
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	_, err := netip.ParseAddr(host)
	return err != nil && len(labels) > 1 && len(host) <= 253 && last != "localdomain" && last != "localhost" && last != "local"
}

// addressLiteral is the local end of a connection as RFC 5321, 4.1.3 writes it
// where there is no name, such as [192.0.2.7] or [IPv6:2001:db8::7].
func addressLiteral(local net.Addr) string {
	end, err := netip.ParseAddrPort(local.String())
	if err != nil { // no network that has addresses
		return "localhost"
	}
	ip := end.Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}

// helo is how usher calls itself on a connection: as the settings say, else by the
// machine's full name, else by the connection's own address. On a network that is
// not the system's, the machine's name means nothing.
func (t *smtpTransport) helo(local net.Addr) string {
	switch {
	case t.Helo != "":
		return t.Helo
	case t.Dial == nil && fullHostname() != "":
		return fullHostname()
	}
	return addressLiteral(local)
}
