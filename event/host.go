package event

import "net"

// Loopback tells whether a host, without a port, is this machine by its own word:
// localhost, or an address that no other machine reaches.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
