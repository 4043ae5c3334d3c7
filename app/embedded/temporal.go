//go:build !noembed

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"usher/event"
)

type temporalServer struct {
	server temporal.Server
	addr   string
	quiet  *atomic.Bool
}

const visibilityStore = sqliteplugin.PluginName + "-visibility"

func startTemporal(ctx context.Context, c Config, fail func(error), more ...temporal.ServerOption) (*temporalServer, error) {
	addr, err := freeAddr("--temporal-addr", c.TemporalAddr)
	if err != nil {
		return nil, err
	}
	files := store(filepath.Join(c.Dir, "temporal"))
	made, err := files.open(c.Retention)
	if err != nil {
		return nil, err
	}
	if err := makeLean(ctx, files.visibility()); err != nil {
		return nil, err
	}
	for _, path := range []string{files.state(), files.visibility()} {
		if err := keepStatements(database(path), dsn(path)); err != nil {
			return nil, err
		}
	}
	var quiet atomic.Bool
	quiet.Store(true)
	logger := temporalLog{c.Log, fail, &quiet}
	var last error
	for range 5 { // another process may take an inner port before the server does
		cfg, hosts, err := temporalConfig(addr, files, made.ClusterID)
		if err != nil {
			return nil, err
		}
		t := &temporalServer{addr: addr, quiet: &quiet}
		t.server, err = temporal.NewServer(append([]temporal.ServerOption{
			temporal.ForServices(temporal.DefaultServices), temporal.WithConfig(cfg), temporal.WithStaticHosts(hosts),
			temporal.WithLogger(logger), temporal.WithDynamicConfigClient(settings()),
		}, more...)...)
		if err != nil {
			return nil, fmt.Errorf("the Temporal server: %w", err)
		}
		if last = t.server.Start(); last == nil {
			err := t.ready(ctx, c.Retention)
			quiet.Store(false)
			return t, err
		}
		_ = t.server.Stop()
		if host, _, _ := net.SplitHostPort(c.TemporalAddr); host != "" {
			if addr, err = freeAddr("--temporal-addr", c.TemporalAddr); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("the Temporal server does not start: %w", last)
}

// ready waits until the frontend answers, and brings the retention up to date:
// the files may have been made with another one.
func (t *temporalServer) ready(ctx context.Context, retention time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: t.addr, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		r, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		if err == nil && r.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == retention {
			return nil
		}
		if err == nil {
			cfg := r.GetConfig()
			cfg.WorkflowExecutionRetentionTtl = durationpb.New(retention)
			_, err = c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{Namespace: namespace, Config: cfg})
			if err == nil {
				return nil
			}
		}
		if !event.Sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("the Temporal server on %s does not answer: %w", t.addr, errors.Join(err, ctx.Err()))
		}
	}
}

func (t *temporalServer) stop(ctx context.Context) error {
	t.quiet.Store(true)
	done := make(chan error, 1)
	go func() { done <- t.server.Stop() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return nil // its files are safe at any moment
	}
}

func temporalConfig(addr string, files store, clusterID string) (*config.Config, map[primitives.ServiceName]static.Hosts, error) {
	services := map[string]config.Service{}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for _, name := range []primitives.ServiceName{primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService} {
		at := addr
		if name != primitives.FrontendService {
			var err error
			if at, err = freeAddr("Temporal's inner port on", "127.0.0.1:0"); err != nil {
				return nil, nil, err
			}
		}
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			return nil, nil, err
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, nil, err
		}
		services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: n, BindOnIP: host}}
		hosts[name] = static.SingleLocalHost(at)
	}
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: "127.0.0.1"}},
		Persistence: config.Persistence{
			DefaultStore: sqliteplugin.PluginName, VisibilityStore: visibilityStore, NumHistoryShards: shards,
			DataStores: map[string]config.DataStore{
				sqliteplugin.PluginName: {SQL: database(files.state())},
				visibilityStore:         {SQL: database(files.visibility())},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: addr, ClusterID: clusterID},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		Archival: config.Archival{
			History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History: config.HistoryArchivalNamespaceDefaults{State: "disabled"}, Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: addr},
	}, hosts, nil
}

// mostCached is how many runs are kept in memory, by the server and by usher's worker,
// which share their cache: some 60 kB each time. Most wait for days for somebody's
// decision, and one that is not kept is read again from its file, in 10 ms.
const mostCached = 2000

// settings raise limits that protect a shared cluster and only slow down a
// single machine. One matching partition saves hops between partitions.
func settings() dynamicconfig.StaticClient {
	s := dynamicconfig.StaticClient{}
	for key, value := range map[string]any{
		"frontend.rps": 20000, "frontend.namespaceRPS": 20000, "frontend.namespaceCount": 10000, "frontend.namespaceRPS.visibility": 100,
		"history.rps": 50000, "matching.rps": 50000,
		"frontend.persistenceMaxQPS": 20000, "history.persistenceMaxQPS": 50000, "matching.persistenceMaxQPS": 50000, "worker.persistenceMaxQPS": 5000,
		"matching.numTaskqueueReadPartitions": 1, "matching.numTaskqueueWritePartitions": 1,
		"admin.matchingNamespaceTaskqueueToPartitionDispatchRate": 100000,
		"history.eventsCacheMaxSizeBytes":                         32 << 20, "history.hostLevelCacheMaxSize": mostCached, "worker.stickyCacheSize": mostCached,
		"frontend.enableCancelWorkerPollsOnShutdown": true,
	} {
		s[dynamicconfig.MakeKey(key)] = value
	}
	return s
}

// quiet is a logger for a client whose failures are expected while it waits.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
