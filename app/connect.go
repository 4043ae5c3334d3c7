package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"usher/bridge"
	"usher/event"
)

// pings find a server that does not answer any more.
type pings struct {
	every time.Duration
	lost  int // so many without an answer end the connection
}

var (
	embeddedPings = pings{20 * time.Second, 3}
	// A frozen node of a cluster holds its clients for 10 to 15 s. It costs each
	// connection a dozen bytes every five seconds, and a client that was itself
	// suspended for longer connects anew.
	externalPings = pings{5 * time.Second, 2}
)

// telling is what the client of NATS calls usher back for, on goroutines of its own.
const telling = "telling what the client of NATS says"

var errUnreachable = errors.New("no NATS server can be reached")

// connectNATS joins the servers of url. The connection is kept up for as long
// as the process lives; publishing fails while it is down, so that nothing
// waits in a buffer that a crash would lose.
//
// Replies come to a prefix of the role's own, so that permissions can keep roles
// from reading one another's.
//
// A server that is frozen keeps its connections open, so that only an unanswered
// ping shows it: pings say how often and how many. An embedded one freezes together
// with its client.
//
// guard is told of panics in what the client calls; a command, which ends soon and
// logs nothing, has none.
func connectNATS(ctx context.Context, url string, access NATSAccess, role string, p pings, log *slog.Logger, guard event.Guard, more ...nats.Option) (*nats.Conn, error) {
	options, err := access.options(url)
	if err != nil {
		return nil, err
	}
	options = append(options,
		nats.Name("usher "+role), nats.CustomInboxPrefix("_INBOX_"+role), nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.Timeout(5*time.Second), nats.PingInterval(p.every), nats.MaxPingsOutstanding(p.lost),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				guard.Func(telling, func() { log.Warn("the connection to NATS is lost", "error", err) })()
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { guard.Func(telling, func() { log.Warn("the connection to NATS is back") })() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			guard.Func(telling, func() { log.Warn("NATS reports an error", "error", err) })()
		}),
	)
	options = append(options, more...)
	for attempt := 0; ; attempt++ {
		nc, err := nats.Connect(url, options...)
		if err == nil {
			return nc, nil
		}
		if errors.Is(err, nats.ErrAuthorization) {
			return nil, fmt.Errorf("NATS refuses the credentials: %w", err)
		}
		if attempt == 0 {
			log.Warn("NATS is not there yet, waiting for it", "error", err)
		}
		if !event.Sleep(ctx, 500*time.Millisecond) {
			return nil, fmt.Errorf("%w: %w", errUnreachable, err)
		}
	}
}

// bucket opens one that is there already, however long the servers take to answer. One
// that is not there ends the start.
func (p *process) bucket(ctx context.Context, name string, open func(context.Context) error) error {
	return retryUntil(ctx, p.Log, "bucket "+name, func(ctx context.Context) error {
		err := open(ctx)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			return event.Permanent(err)
		}
		return err
	})
}

// retryUntil calls f until it succeeds, fails for good or ctx ends: servers may come
// in any order. A cause that changes is logged, at most every ten seconds: some name a
// port.
func retryUntil(ctx context.Context, log *slog.Logger, what string, f func(context.Context) error) error {
	said, at := "", time.Time{}
	for {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := f(try)
		cancel()
		if err == nil || event.IsPermanent(err) {
			return err
		}
		if ctx.Err() == nil && err.Error() != said && time.Since(at) > 10*time.Second {
			said, at = err.Error(), time.Now()
			log.Warn("not ready yet, trying until it is", "what", what, "error", err)
		}
		if !event.Sleep(ctx, 500*time.Millisecond) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// temporalOptions are the server's own conventions (environment, TOML profile)
// for role commands, and just the address for an embedded server.
func temporalOptions(address, namespace string, conventions bool) (client.Options, error) {
	if !conventions {
		return client.Options{HostPort: address, Namespace: namespace}, nil
	}
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("settings of the Temporal client: %w", err)
	}
	if address != "" {
		o.HostPort = address
	}
	if o.Namespace == "" || namespace != "default" {
		o.Namespace = namespace
	}
	return o, nil
}

// connectTemporal returns a client on which events keep their identity as
// request ids and payloads are encrypted.
func connectTemporal(o client.Options, codec converter.PayloadCodec, figures client.MetricsHandler, watch grpc.UnaryClientInterceptor, logger *slog.Logger) (client.Client, error) {
	o.Logger = log.NewStructuredLogger(logger)
	o.Identity = "usher"
	o.MetricsHandler = figures
	o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(bridge.RequestIDInterceptor, watch))
	o.DataConverter, o.FailureConverter = converters(codec)
	return client.NewLazyClient(o)
}

// converters encrypt what goes to Temporal: values, and what failures say.
func converters(codec converter.PayloadCodec) (converter.DataConverter, converter.FailureConverter) {
	data := patient{DataConverter: converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), codec)}
	return data, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: data, EncodeCommonAttributes: true})
}

// closeNATS sends what is still in the buffers, then closes.
func closeNATS(ctx context.Context, nc *nats.Conn) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = nc.FlushWithContext(ctx) // acks that get lost are asked for again
	nc.Close()
}

func newJetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	return jetstream.New(nc, jetstream.WithDefaultTimeout(5*time.Second))
}
