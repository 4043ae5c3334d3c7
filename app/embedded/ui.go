//go:build !noembed

package embedded

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// uiServer is Temporal's web pages.
type uiServer struct {
	server *server.Server
	addr   string
	done   chan struct{}
}

// startUI checks the port first: the server would end the process if it could
// not listen.
func startUI(addr, temporal, codec string) (*uiServer, error) {
	addr, err := freeAddr("--temporal-ui-addr", addr)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	cfg := &config.Config{
		TemporalGRPCAddress: temporal, Host: host, Port: n, EnableUI: true,
		DefaultNamespace: namespace, DisableNewsFetch: true, HideLogs: true,
		CORS: config.CORS{CookieInsecure: true}, // plain HTTP, on loopback only
	}
	if codec != "" {
		cfg.Codec = config.Codec{
			Endpoint: codec, IncludeCredentials: true, DefaultErrorLink: strings.TrimSuffix(codec, "/codec"),
			DefaultErrorMessage: "To read what workflows hold, sign in to usher's console under the same host name as this page, then load it again.",
		}
	}
	u := &uiServer{server: server.NewServer(server_options.WithConfigProvider(cfg)), addr: addr, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		_ = u.server.Start() // ends the process on any error but its own stop
	}()
	for range 100 { // a stop before it listens would be lost
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = conn.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return u, nil
}

func (u *uiServer) stop() error {
	u.server.Stop()
	select {
	case <-u.done:
	case <-time.After(time.Second):
	}
	return nil
}
