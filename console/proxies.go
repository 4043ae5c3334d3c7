package console

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the addresses whose X-Forwarded-For is believed.
type proxies []netip.Prefix

// ParseProxy reads an address, or a network of them, whose word about others counts.
func ParseProxy(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return p, fmt.Errorf("%q is no address; give one such as 127.0.0.1, or a network such as 10.0.0.0/8", s)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("%s: write the network of IPv4 as such, as 10.0.0.0/8", s)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if p.Bits() == 0 {
		return p, fmt.Errorf("%s is everyone, who could then come as anyone; give the addresses of your proxies", s)
	}
	return p.Masked(), nil
}

func (p proxies) trust(a netip.Addr) bool {
	for _, x := range p {
		if x.Contains(a) {
			return true
		}
	}
	return false
}

// client is the address that a request came from, as far as it is known from those who
// are believed: each proxy adds the one that came to it at the end, so from there the
// first one that is none of ours. untrusted says that one who is not believed has told
// who came to it.
func (p proxies) client(r *http.Request) (client string, untrusted bool) {
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	a, ok := hop(peer)
	if !ok || !p.trust(a) {
		return peer, r.Header.Get(forwardedFor) != ""
	}
	hops := strings.Split(strings.Join(r.Header.Values(forwardedFor), ","), ",")
	for len(hops) > 0 && p.trust(a) {
		next, ok := hop(hops[len(hops)-1])
		if !ok { // one of ours does not know who came to it
			break
		}
		a, hops = next, hops[:len(hops)-1]
	}
	return a.String(), false
}

const forwardedFor = "X-Forwarded-For"

// hop reads an address of the header, which some write with a port.
func hop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		var with netip.AddrPort
		with, err = netip.ParseAddrPort(s)
		a = with.Addr()
	}
	return a.Unmap().WithZone(""), err == nil
}
