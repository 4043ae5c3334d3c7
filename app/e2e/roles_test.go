//go:build !noembed

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"usher/app"
	"usher/event"
)

// The roles run apart, each in a process of its own and with an account of its
// own that may do just what it needs, against servers that others hold, and are
// started in an order in which nothing is there yet.
func TestRolesApart(t *testing.T) {
	servers := newUsher(t)
	servers.config.Roles = app.Roles{}
	servers.config.NATSURL, servers.config.NATSUser, servers.config.NATSPassword = guardedNATS(t), "admin", "password-of-admin"
	servers.config.IDKey = "the key of this test, long enough"
	servers.start("")
	hr := filepath.Join(t.TempDir(), "hr")
	var roles []*exec.Cmd
	for _, r := range []app.Roles{{Worker: true}, {Bridge: true}, {Console: true}, {Watch: true}} {
		c := servers.config
		c.Data, c.Roles = t.TempDir(), r
		c.TemporalAddress = servers.addr.Temporal
		c.NATSUser = map[app.Roles]string{{Worker: true}: "worker", {Bridge: true}: "bridge", {Console: true}: "console", {Watch: true}: "watch"}[r]
		c.NATSPassword = "password-of-" + c.NATSUser
		c.PayloadKeyFile = sharedKey(t, servers.dir)
		c.SMTPAddr, c.SMSURL = servers.addr.CatcherSMTP, "http://"+servers.addr.CatcherHTTP
		c.ReconcileEvery = time.Minute
		if r.Watch {
			c.Inbox = map[string]string{"hr": hr}
		}
		cmd := servers.startRole(c)
		roles = append(roles, cmd)
	}
	defer func() {
		for _, r := range roles {
			if err := r.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := r.Wait(); err != nil {
				t.Errorf("a role ended with %v, want exit code 0", err)
			}
		}
	}()
	if err := os.MkdirAll(hr, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(hr, "a.csv"), []byte(list(1, 3, "")), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := servers.decide(event.VerbApproved, ids(1, 3)...); err != nil {
		t.Fatal(err)
	}
	servers.publishRaw("verifications.v1.crm.approved", "poison")
	people := servers.waitFinal(60*time.Second, ids(1, 3)...)
	for id, p := range people {
		if p.Status != event.StatusWelcomed || p.Source != "hr" {
			t.Errorf("%s of %s is %s", id, p.Source, p.Status)
		}
	}
	servers.eachOnce(people)
	servers.checked(3)
	servers.stop() // so that its log is whole
	log, err := os.ReadFile(servers.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(log), "\n") {
		if strings.Contains(strings.ToLower(line), "permission") {
			t.Errorf("a role may not do what it does: %s", line)
		}
	}
}

// startRole runs a role in a process of its own.
func (u *usher) startRole(c app.Config) *exec.Cmd {
	u.Helper()
	cfg, err := json.Marshal(c)
	if err != nil {
		u.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "USHER_E2E_CHILD="+string(cfg), "USHER_E2E_ROLE=1")
	cmd.Stdout, cmd.Stderr = u.log, u.log
	if err := cmd.Start(); err != nil {
		u.Fatal(err)
	}
	return cmd
}

// guardedNATS runs the configuration that is shipped, with a password for each
// role.
func guardedNATS(t *testing.T) (url string) {
	t.Helper()
	for _, user := range []string{"ADMIN", "WATCH", "BRIDGE", "WORKER", "CONSOLE", "CLI", "CRM"} {
		t.Setenv("USHER_NATS_"+user, "password-of-"+strings.ToLower(user))
	}
	o, err := server.ProcessConfigFile("../../deploy/nats/usher.conf")
	if err != nil {
		t.Fatal(err)
	}
	o.Port, o.StoreDir, o.JetStreamMaxStore, o.NoSigs, o.NoLog = server.RANDOM_PORT, t.TempDir(), 512<<20, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server is not ready")
	}
	return s.ClientURL()
}

// sharedKey is the key that all roles of the test encrypt with.
func sharedKey(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "shared.key")
	if err := os.WriteFile(path, []byte("one key for all roles of this test"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
