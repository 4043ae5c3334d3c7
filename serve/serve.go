package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"usher/event"
)

// Server is what *http.Server and *smtp.Server have in common.
type Server interface {
	Serve(l net.Listener) error
	Shutdown(ctx context.Context) error // waits for what is in hand
	Close() error                       // cuts off what is in hand
}

// stopWithin is how long what is in hand may go on after the end of the context.
const stopWithin = time.Second

// Until runs s on l until ctx ends, then gives what is in hand a second to finish
// and cuts off the rest. It returns nil after such a stop, and otherwise why s
// ended. l is closed in any case, and no goroutine is left.
//
// A panic of l is an error too: without a listener the server is of no use.
func Until(ctx context.Context, guard event.Guard, l net.Listener, s Server) error {
	done := make(chan error, 1)
	go func() { done <- guard.Do("serving", func() error { return s.Serve(l) }) }()
	select {
	case err := <-done:
		_ = l.Close()
		return errors.Join(err, s.Close())
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if s.Shutdown(stop) != nil {
		_ = s.Close()
	}
	_ = l.Close() // a stop that came before Serve took the listener is unknown to Serve
	<-done        // says no more than that it was closed
	return nil
}

// CheckLoopback refuses an address that other machines reach; why says what it is for.
func CheckLoopback(flag, addr, why string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s %q: give it as HOST:PORT, such as 127.0.0.1:0", flag, addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s %q: the port must be a number from 0 to 65535", flag, addr)
	}
	if !event.Loopback(host) {
		return fmt.Errorf("%s %s: %s", flag, addr, why)
	}
	return nil
}

// Listen binds at once, so that a port in use is known before anything starts. Its
// error names the flag.
func Listen(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w; stop what uses it, or give another address (port 0 takes a free one)", flag, addr, event.Innermost(err))
	}
	return l, nil
}

// Web is a server with the time limits that every server of usher has.
func Web(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
}
