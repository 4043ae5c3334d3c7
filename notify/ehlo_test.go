package notify

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestFullNames(t *testing.T) {
	for host, want := range map[string]bool{
		"mx.example.org": true, "a-1.example": true, "MX.Example.ORG": true,
		"": false, "mx": false, "localhost": false, "localhost.localdomain": false, "box.local": false, "mx.": false, "-a.example": false,
		"a_b.example": false, "192.0.2.7": false, strings.Repeat("a", 64) + ".example": false,
	} {
		if got := isFullName(host); got != want {
			t.Errorf("isFullName(%q) = %v", host, got)
		}
	}
}

func TestAddressLiterals(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:41000": "[192.0.2.7]", "[2001:db8::7]:41000": "[IPv6:2001:db8::7]",
		"[fe80::1%eth0]:41000": "[IPv6:fe80::1]", "[::ffff:192.0.2.7]:41000": "[192.0.2.7]",
	} {
		if got := addressLiteral(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := addressLiteral(&net.UnixAddr{Name: "socket", Net: "unix"}); got != "localhost" {
		t.Errorf("no address: got %s", got)
	}
}
