//go:build !noembed

package e2e

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"usher/app"
)

// A worker that is started before its namespace is there waits for it as for an
// outage, and says which command makes it.
func TestAWorkerWaitsForItsNamespace(t *testing.T) {
	servers := newUsher(t)
	servers.config.Roles = app.Roles{}
	servers.start("")
	c := servers.config
	c.Data, c.OpsAddr, c.Roles = t.TempDir(), freePort(t), app.Roles{Worker: true}
	c.NATSURL, c.TemporalAddress, c.TemporalNamespace = "nats://"+servers.addr.NATS, servers.addr.Temporal, "prod"
	c.IDKeyFile, c.PayloadKeyFile = servers.dir+"/id.key", sharedKey(t, servers.dir)
	c.SMTPAddr, c.SMSURL = servers.addr.CatcherSMTP, "http://"+servers.addr.CatcherHTTP
	worker := servers.startRole(c)
	defer func() {
		if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := worker.Wait(); err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	}()
	readyz := func() (int, string) {
		r, err := http.Get("http://" + c.OpsAddr + "/readyz")
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(b)
	}
	servers.until("the worker says what it waits for", func() bool {
		code, body := readyz()
		return code == http.StatusServiceUnavailable && strings.HasPrefix(body, "starting\ntemporal: waiting: Temporal has no namespace prod: make it with usher setup, or with temporal operator namespace create --namespace prod")
	})
	ns, err := client.NewNamespaceClient(client.Options{HostPort: servers.addr.Temporal})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := ns.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: "prod", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	servers.until("the worker goes on", func() bool { code, body := readyz(); return code == http.StatusOK && strings.HasPrefix(body, "ok") })
}
