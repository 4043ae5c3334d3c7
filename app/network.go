package app

import (
	"context"
	"net"

	"github.com/fsnotify/fsnotify"
	"github.com/nats-io/nats.go"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"usher/serve"
)

// Network is how a process reaches others, is reached, and learns of new files.
// What is nil is the system's. A simulation gives its own.
type Network struct {
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error) // NATS, Temporal, and who takes messages
	Listen func(network, addr string) (net.Listener, error)
	Files  func() (*fsnotify.Watcher, error) // its error means that inboxes are looked at from time to time
}

// listen binds at once, so that a port in use is known before anything starts.
func (n Network) listen(flag, addr string) (net.Listener, error) {
	if n.Listen != nil {
		return n.Listen("tcp", addr)
	}
	return serve.Listen(flag, addr)
}

// nats are the client's options.
func (n Network) nats() []nats.Option {
	if n.Dial == nil {
		return nil
	}
	return []nats.Option{nats.SetCustomDialer(natsDialer(n.Dial))}
}

type natsDialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Dial implements nats.CustomDialer.
func (d natsDialer) Dial(network, addr string) (net.Conn, error) {
	return d(context.Background(), network, addr)
}

// temporal adds to the client's options.
func (n Network) temporal(o *client.Options) {
	if n.Dial != nil {
		o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return n.Dial(ctx, "tcp", addr)
		}))
	}
}
