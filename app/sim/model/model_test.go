package model_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"usher/app/sim/exercise"
	"usher/app/sim/model"
	"usher/app/sim/wire"
)

func TestExercise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n wire.Net
		s := model.New()
		g := s.GRPC()
		l, err := n.Listen("tcp", "127.0.0.1:7233")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- g.Serve(l) }()
		host := n.Host()
		c, err := client.Dial(client.Options{
			HostPort: "passthrough:///127.0.0.1:7233", Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
			ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				return host.DialContext(ctx, "tcp", addr)
			})}},
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		exercise.Run(t, c)
		t.Logf("it took %s there", time.Since(began))
		c.Close()
		s.Stop()
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
