//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	temporalcluster "go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	temporallog "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"golang.org/x/sync/errgroup"
)

// naive is what many would write first, on Temporal's server with the settings of its
// development server: one SQLite file with a rollback journal, one shard. A workflow
// waits for a signal and has two activities that do nothing. There are no streams, no
// ledger and no encryption; server, worker and callers are one process.
//
// It answers /run?from=N&to=N with what that took, when USHER_E2E_NAIVE names a folder.
func naive(dir string) error {
	addr, err := startStock(dir)
	if err != nil {
		return err
	}
	o := client.Options{HostPort: addr, Logger: silent{}}
	o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	var c client.Client
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if c, err = client.Dial(o); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	w := worker.New(c, naiveQueue, worker.Options{MaxConcurrentWorkflowTaskPollers: naivePollers, MaxConcurrentActivityTaskPollers: naivePollers})
	w.RegisterWorkflowWithOptions(naiveWorkflow, workflow.RegisterOptions{Name: naiveQueue})
	w.RegisterActivity(naiveStep)
	if err := w.Start(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.FormValue("from"))
		to, _ := strconv.Atoi(r.FormValue("to"))
		out, err := naiveRound(r.Context(), c, from, to)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(rw).Encode(out)
	}))
}

const (
	naiveQueue   = "naive"
	naivePollers = 16
	naiveCallers = 64
)

func naiveWorkflow(ctx workflow.Context) error {
	workflow.GetSignalChannel(ctx, "decided").Receive(ctx, nil)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range 2 {
		if err := workflow.ExecuteActivity(ctx, naiveStep).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func naiveStep(context.Context) error { return nil }

// naiveRound starts the users from to to-1 and then signals each and waits for its end.
func naiveRound(ctx context.Context, c client.Client, from, to int) (round, error) {
	all := func(call func(id string) error) (phase, error) {
		began, used := time.Now(), ownCPU()
		g := errgroup.Group{}
		g.SetLimit(naiveCallers)
		for i := from; i < to; i++ {
			g.Go(func() error { return call(fmt.Sprint("naive-", i)) })
		}
		err := g.Wait()
		return phase{time.Since(began), ownCPU() - used}, err
	}
	var out round
	var err error
	if out.Start, err = all(func(id string) error {
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: naiveQueue}, naiveQueue)
		return err
	}); err != nil {
		return out, err
	}
	out.Decide, err = all(func(id string) error {
		if err := c.SignalWorkflow(ctx, id, "", "decided", nil); err != nil {
			return err
		}
		return c.GetWorkflow(ctx, id, "").Get(ctx, nil)
	})
	return out, err
}

// startStock starts Temporal's server with what its development server sets.
func startStock(dir string) (addr string, err error) {
	const name, cluster0 = sqliteplugin.PluginName, "active"
	db := config.SQL{PluginName: name, DatabaseName: filepath.Join(dir, "temporal.db"), ConnectAttributes: map[string]string{"mode": "rwc"}}
	if err := sqlite.SetupSchema(&db); err != nil {
		return "", err
	}
	ns, err := sqlite.NewNamespaceConfig(cluster0, "default", false, nil)
	if err != nil {
		return "", err
	}
	if err := sqlite.CreateNamespaces(&db, ns); err != nil {
		return "", err
	}
	services := map[string]config.Service{}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for _, s := range []primitives.ServiceName{primitives.WorkerService, primitives.MatchingService, primitives.HistoryService, primitives.FrontendService} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr = l.Addr().String()
		if err := l.Close(); err != nil {
			return "", err
		}
		services[string(s)] = config.Service{RPC: config.RPC{GRPCPort: l.Addr().(*net.TCPAddr).Port, BindOnIP: "127.0.0.1"}}
		hosts[s] = static.SingleLocalHost(addr)
	}
	server, err := temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices), temporal.WithStaticHosts(hosts), temporal.WithLogger(temporallog.NewNoopLogger()),
		temporal.WithDynamicConfigClient(dynamicconfig.StaticClient{
			dynamicconfig.MakeKey("history.hostLevelCacheMaxSize"): 8096, dynamicconfig.MakeKey("frontend.namespaceRPS.visibility"): 100,
		}),
		temporal.WithConfig(&config.Config{
			Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: "127.0.0.1"}},
			Persistence: config.Persistence{
				DefaultStore: name, VisibilityStore: name, NumHistoryShards: 1,
				DataStores: map[string]config.DataStore{name: {SQL: &db}},
			},
			ClusterMetadata: &temporalcluster.Config{
				FailoverVersionIncrement: 10, MasterClusterName: cluster0, CurrentClusterName: cluster0,
				ClusterInformation: map[string]temporalcluster.ClusterInformation{cluster0: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: addr, ClusterID: "naive"}},
			},
			DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
			Services:            services,
			Archival:            config.Archival{History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"}},
			NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
				History: config.HistoryArchivalNamespaceDefaults{State: "disabled"}, Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
			}},
			PublicClient: config.PublicClient{HostPort: addr},
		}),
	)
	if err != nil {
		return "", err
	}
	return addr, server.Start()
}

// naiveMain is the main of the process that runs it.
func naiveMain(dir string) int {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	fmt.Fprintln(os.Stderr, naive(dir))
	return 1
}
