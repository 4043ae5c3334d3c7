package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
)

// ready is /readyz of a process that has one component.
type ready struct {
	*testing.T
	ops  *ops
	asks http.Handler
}

func newReady(t *testing.T, component string, ps pulses) *ready {
	t.Helper()
	reg := prometheus.NewRegistry()
	o := &ops{registry: reg, metrics: metrics.NewProcess(reg, "v1", "go1")}
	o.add(component, ps.ready)
	o.started()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = ps.run(ctx, func() {}); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return &ready{t, o, o.handler()}
}

func (r *ready) says() (int, string) {
	w := httptest.NewRecorder()
	r.asks.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code, w.Body.String()
}

// becomes waits until /readyz says something, always with 200.
func (r *ready) becomes(within time.Duration, want string) {
	r.Helper()
	began := time.Now()
	for {
		code, body := r.says()
		if code != http.StatusOK {
			r.Fatalf("%d %s", code, body)
		}
		if strings.Contains(body, want) {
			r.Logf("after %s: %s", time.Since(began).Round(100*time.Millisecond), strings.TrimSpace(body))
			return
		}
		if time.Since(began) > within {
			r.Fatalf("for %s it says %q, want %q", within, body, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A leader that is frozen answers nothing and closes no connection.
func TestReadyzSeesAFrozenServer(t *testing.T) {
	direct, url := natstest.Start(t)
	if err := streams.Ensure(t.Context(), direct, streams.Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	proxy := natstest.Between(t, url)
	nc, err := connectNATS(t.Context(), proxy.URL(), NATSAccess{}, "bridge", pings{time.Minute, 3}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := newJetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	_, ps := watch(js, Roles{Bridge: true}.needed())
	r := newReady(t, "jetstream", ps)
	r.becomes(time.Second, "ok\n")
	proxy.Freeze(true)
	// Whichever stream was silent for long enough is asked first, and named.
	r.becomes(probeEvery+probeWithin+5*time.Second, "degraded\njetstream: degraded: ")
	if !nc.IsConnected() {
		t.Error("the connection is gone")
	}
	proxy.Freeze(false)
	r.becomes(probeEvery+probeWithin+5*time.Second, "ok\n")
}

// A frozen node is left for another one when its pings are not answered.
func TestFrozenServerIsLeft(t *testing.T) {
	_, url := natstest.Start(t)
	proxy := natstest.Between(t, url)
	lost := make(chan struct{}, 1)
	nc, err := connectNATS(t.Context(), proxy.URL(), NATSAccess{}, "bridge", pings{100 * time.Millisecond, 2}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDisconnectErrHandler(func(*nats.Conn, error) {
		select {
		case lost <- struct{}{}:
		default:
		}
	})
	proxy.Freeze(true)
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		t.Error("the client still holds on to a server that answers nothing")
	}
	if worst := externalPings.every * time.Duration(externalPings.lost+1); worst > 15*time.Second {
		t.Errorf("a frozen node of a cluster holds its clients for %s", worst)
	}
}

// Without a majority nothing can be stored, though the connection stands.
func TestReadyzSeesThatTheQuorumIsLost(t *testing.T) {
	_, nodes := natstest.StartCluster(t)
	nc, err := connectNATS(t.Context(), nodes[0].ClientURL(), NATSAccess{}, "bridge", externalPings, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := newJetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if err := retryUntil(t.Context(), quiet, "streams", func(ctx context.Context) error {
		return streams.Ensure(ctx, js, streams.Options{MaxBytes: 64 << 20, Replicas: 3})
	}); err != nil {
		t.Fatal(err)
	}
	observed, ps := watch(js, Roles{Worker: true}.needed())
	r := newReady(t, "jetstream", ps)
	r.becomes(20*time.Second, "ok\n")
	for _, n := range nodes[1:] {
		n.Shutdown()
		n.WaitForShutdown()
	}
	// What a stage finds out counts, without waiting for a probe.
	if _, err := observed.Publish(t.Context(), event.FactSubject(event.FactStarted, "u-1"), []byte("{}")); err == nil {
		t.Fatal("one of three servers stores a message")
	}
	r.becomes(time.Second, "degraded\njetstream: degraded: ")
	if !nc.IsConnected() {
		t.Error("the connection is lost, so that nothing was tried")
	}
	r.becomes(30*time.Second, "and 3 more") // every stream, by probes alone
}

// Every answer but trouble shows that the way is open.
func TestAnswersOfAnyKindAreRoundTrips(t *testing.T) {
	away := errors.New("away")
	for _, tc := range []struct {
		err  error
		want error
	}{
		{nil, nil}, {jetstream.ErrKeyNotFound, nil}, {jetstream.ErrKeyExists, nil},
		{&jetstream.APIError{Code: 400, ErrorCode: 10071}, nil},
		{&jetstream.APIError{Code: 503, ErrorCode: 10008}, away}, {nats.ErrNoResponders, away}, {nats.ErrTimeout, away},
		{jetstream.ErrNoStreamResponse, away}, {context.DeadlineExceeded, away}, {context.Canceled, nil},
	} {
		if got := trouble(fmt.Errorf("publish: %w", tc.err)); tc.err != nil && (got != nil) != (tc.want != nil) {
			t.Errorf("%v counts as trouble: %v", tc.err, got)
		}
	}
}

// frontend is a Temporal that may have no namespace, or be away.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	namespace, away atomic.Bool
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	switch {
	case f.away.Load():
		return nil, status.Error(codes.Unavailable, "away")
	case !f.namespace.Load():
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(r.GetNamespace())).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

// Errors of Temporal that are about one call say nothing of the way to it.
func TestTroubleOfTemporal(t *testing.T) {
	for err, want := range map[error]string{
		serviceerror.NewNotFound("workflow not found"):              "",
		serviceerror.NewInvalidArgument("bad"):                      "",
		serviceerror.NewNamespaceNotFound("prod"):                   "no namespace prod",
		serviceerror.NewNotFound("Namespace prod is not found."):    "no namespace prod",
		serviceerror.NewUnavailable("away"):                         "does not answer",
		serviceerror.NewDeadlineExceeded("late"):                    "does not answer",
		serviceerror.NewPermissionDenied("no", "key"):               "refuses the credentials",
		status.Error(codes.Unauthenticated, "the token is too old"): "refuses the credentials",
	} {
		got := temporalTrouble(err, "prod")
		if want == "" && got != nil || want != "" && (got == nil || !strings.Contains(got.Error(), want)) {
			t.Errorf("%v: %v, want %q", err, got, want)
		}
	}
}

// A namespace that is missing is told with the command that makes it, by an idle
// process too; and nothing but the server's answer clears that.
func TestReadyzTellsAMissingNamespace(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, s := &frontend{}, grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(s, f)
	go func() { _ = s.Serve(l) }() // until Stop
	defer s.Stop()
	p := &pulse{}
	c, err := client.NewLazyClient(client.Options{
		HostPort: l.Addr().String(), Namespace: "prod", Logger: silent{},
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(p.observe("prod"))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.probe = namespaceOf(c, "prod")
	r := newReady(t, "temporal", pulses{p})
	r.becomes(10*time.Second, "degraded\ntemporal: degraded: Temporal has no namespace prod")
	if _, body := r.says(); !strings.Contains(body, "(since 20") || !strings.Contains(body, "temporal operator namespace create --namespace prod") {
		t.Errorf("it says %q", body)
	}
	f.namespace.Store(true)
	r.becomes(15*time.Second, "ok\n")
	f.away.Store(true)
	r.becomes(15*time.Second, "it does not answer")
}

// While a process starts, /readyz says for what it waits.
func TestReadyzSaysWhatTheStartWaitsFor(t *testing.T) {
	reg := prometheus.NewRegistry()
	o := &ops{registry: reg, metrics: metrics.NewProcess(reg, "v1", "go1")}
	o.waits("temporal", errNoNamespace{"prod"})
	w := httptest.NewRecorder()
	o.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.HasPrefix(w.Body.String(), "starting\ntemporal: waiting: Temporal has no namespace prod: make it with usher setup, or with temporal operator") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// A file that another process holds locked, or that is gone, is no read model.
func TestReadyzSeesADatabaseThatCannotBeUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.db")
	owner, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	owner.SetMaxOpenConns(1)
	if _, err := owner.Exec("CREATE TABLE t (x)"); err != nil {
		t.Fatal(err)
	}
	db, err := pulseOfDB(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	ask := func() error { db.ask(t.Context()); return db.ready() }
	if err := ask(); err != nil {
		t.Errorf("a good file: %v", err)
	}
	if _, err := owner.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a locked file: %v", err)
	}
	if _, err := owner.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("a file that is free again: %v", err)
	}
}
