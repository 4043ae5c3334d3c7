//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
)

// natsNode is the main of a process that is one nats-server, as nats-server's own
// main is.
func natsNode(conf string) int {
	o, err := server.ProcessConfigFile(conf)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := server.NewServer(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.ConfigureLogger()
	if err := server.Run(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.WaitForShutdown()
	return 0
}

// leash ends this process when its parent is gone, however that ended: the parent
// holds the other end of stdin.
func leash() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// onLeash makes a child of this test binary that runs what env names.
func onLeash(t testing.TB, log *os.File, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "USHER_E2E_LEASH=1"), env...)
	cmd.Stdout, cmd.Stderr = log, log
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// node is one server of the cluster, in a process of its own, which is killed,
// frozen and started again.
type node struct {
	name, conf, addr, monitor string

	log    *os.File
	cmd    *exec.Cmd // nil while it is away
	exited chan error
	frozen bool
}

// nodes are a cluster with the accounts of the configuration that is shipped.
type nodes struct {
	*testing.T
	all []*node
	nc  *nats.Conn // as admin, of any node
	js  jetstream.JetStream
}

const password = "password-of-" // and the name of the account

func startNodes(t *testing.T) *nodes {
	t.Helper()
	for _, user := range []string{"ADMIN", "WATCH", "BRIDGE", "WORKER", "CONSOLE", "CLI", "CRM"} {
		t.Setenv("USHER_NATS_"+user, password+strings.ToLower(user))
	}
	shipped, err := os.ReadFile("../../deploy/nats/usher.conf")
	if err != nil {
		t.Fatal(err)
	}
	c := &nodes{T: t}
	var routes []string
	for i := range 3 {
		c.all = append(c.all, &node{name: fmt.Sprintf("nats-%d", i+1), addr: quietPort(t), monitor: quietPort(t)})
		routes = append(routes, quietPort(t))
	}
	for i, n := range c.all {
		dir := t.TempDir()
		text := string(shipped)
		for _, change := range [][2]string{
			{"server_name: usher-1", "server_name: " + n.name},
			{"\nlisten: 127.0.0.1:4222 ", fmt.Sprintf("\nlisten: %s\nhttp: %s\ncluster { name: usher, listen: %s, routes: [nats://%s] }\n", n.addr, n.monitor, routes[i], strings.Join(routes, ", nats://"))},
			{"/var/lib/usher/nats", filepath.Join(dir, "store")},
			{"max_file_store: 100GB", "max_file_store: 4GB"},
		} {
			if strings.Count(text, change[0]) != 1 {
				t.Fatalf("deploy/nats/usher.conf does not have %q once", change[0])
			}
			text = strings.Replace(text, change[0], change[1], 1)
		}
		n.conf = filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(n.conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, n := range c.all {
			c.kill(n)
		}
	})
	for _, n := range c.all {
		c.start(n)
	}
	c.eventually(time.Minute, "the cluster has formed", func() error { return c.healthy(c.all...) })
	c.nc, err = nats.Connect(c.url(), nats.UserInfo("admin", password+"admin"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // so that it leaves a frozen node
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.nc.Close)
	if c.js, err = jetstream.New(c.nc, jetstream.WithDefaultTimeout(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// url names all nodes.
func (c *nodes) url() string {
	var out []string
	for _, n := range c.all {
		out = append(out, "nats://"+n.addr)
	}
	return strings.Join(out, ",")
}

func (c *nodes) start(n *node) {
	c.Helper()
	n.cmd = onLeash(c.T, n.log, "USHER_E2E_NATS="+n.conf)
	if err := n.cmd.Start(); err != nil {
		c.Fatal(err)
	}
	n.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(n.cmd, n.exited)
}

// kill ends a node as a power cut of its machine would; what it acknowledged is
// on its disk.
func (c *nodes) kill(n *node) {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill()
	<-n.exited
	n.cmd, n.frozen = nil, false
}

// terminate ends a node as an operator does.
func (c *nodes) terminate(n *node) {
	c.Helper()
	c.signal(n, syscall.SIGTERM)
	select {
	case err := <-n.exited:
		if err != nil {
			c.Errorf("after SIGTERM %s ended with %v", n.name, err)
		}
		n.cmd = nil
	case <-time.After(30 * time.Second):
		c.Fatalf("%s does not end", n.name)
	}
}

func (c *nodes) freeze(n *node) { c.signal(n, syscall.SIGSTOP); n.frozen = true }
func (c *nodes) thaw(n *node)   { c.signal(n, syscall.SIGCONT); n.frozen = false }

func (c *nodes) signal(n *node, s syscall.Signal) {
	c.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		c.Fatal(err)
	}
}

// healthy is nil when each of the nodes says that it has caught up with the others.
func (c *nodes) healthy(all ...*node) error {
	for _, n := range all {
		var h server.HealthStatus
		if err := n.ask("/healthz", &h); err != nil {
			return err
		}
		if h.Status != "ok" {
			return fmt.Errorf("%s: %s %s", n.name, h.Status, h.Error)
		}
	}
	return nil
}

// ask reads a page of a node's monitor.
func (n *node) ask(path string, into any) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + n.monitor + path)
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	defer r.Body.Close()
	return json.NewDecoder(r.Body).Decode(into)
}

// ours are the streams, and those consumers on which bridges depend.
var ours = map[string]string{
	event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications, event.StreamOnboarding: "", event.StreamDeadLetters: "",
	"KV_" + event.BucketPeople: "", "KV_" + event.BucketConsole: "", "KV_" + event.BucketReports: "", "KV_" + event.BucketDelivery: "",
	"KV_" + event.BucketControl: "",
}

// leaders tells who leads what, the group of the cluster itself under "meta". It
// is an error when something has no leader or, with whole, a member that is
// behind or away.
func (c *nodes) leaders(whole bool) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	out := map[string]string{}
	check := func(what string, in *jetstream.ClusterInfo) error {
		if in == nil || in.Leader == "" {
			return fmt.Errorf("%s has no leader", what)
		}
		out[what] = in.Leader
		for _, r := range in.Replicas {
			if whole && (r.Offline || !r.Current) {
				return fmt.Errorf("%s is not whole on %s", what, r.Name)
			}
		}
		return nil
	}
	for stream, consumer := range ours {
		s, err := c.js.Stream(ctx, stream)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", stream, err)
		}
		if err := check(stream, s.CachedInfo().Cluster); err != nil {
			return nil, err
		}
		if consumer == "" {
			continue
		}
		cons, err := s.Consumer(ctx, consumer)
		if errors.Is(err, jetstream.ErrConsumerNotFound) { // no bridge was there yet
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", consumer, err)
		}
		if err := check(consumer, cons.CachedInfo().Cluster); err != nil {
			return nil, err
		}
	}
	for _, n := range c.all {
		var j struct {
			Meta struct{ Leader string } `json:"meta_cluster"`
		}
		if n.cmd != nil && !n.frozen && n.ask("/jsz", &j) == nil && j.Meta.Leader != "" {
			out["meta"] = j.Meta.Leader
		}
	}
	return out, nil
}

// led is what a node leads.
func (c *nodes) led(n *node) (out []string) {
	c.Helper()
	var by map[string]string
	c.eventually(time.Minute, "everything has a leader", func() (err error) { by, err = c.leaders(false); return err })
	for what, leader := range by {
		if leader == n.name {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}

// ledByOthers waits until a node that is away leads nothing any more.
func (c *nodes) ledByOthers(than *node) {
	c.Helper()
	c.eventually(90*time.Second, "others than "+than.name+" lead", func() error {
		by, err := c.leaders(false)
		for what, leader := range by {
			if leader == than.name {
				return fmt.Errorf("%s is led by %s", what, leader)
			}
		}
		return err
	})
}

// whole waits until every node is there and has everything.
func (c *nodes) whole() {
	c.Helper()
	c.eventually(2*time.Minute, "the cluster is whole", func() error {
		if err := c.healthy(c.all...); err != nil {
			return err
		}
		_, err := c.leaders(true)
		return err
	})
}

// people reads PEOPLE.
func (c *nodes) people() *streams.People {
	c.Helper()
	var people *streams.People
	c.eventually(time.Minute, "PEOPLE can be opened", func() (err error) { people, err = streams.NewPeople(c.Context(), c.js); return err })
	return people
}

// eventually waits until done returns nil, which it must within a time that only
// a fault needs.
func (c *nodes) eventually(within time.Duration, what string, done func() error) {
	c.Helper()
	eventually(c.T, within, what, done)
}

func eventually(t *testing.T, within time.Duration, what string, done func() error) {
	t.Helper()
	if err := await(t, within, done); err != nil {
		t.Fatalf("after %s it is not true that %s: %v", within, what, err)
	}
}

// await asks done until it returns nil, and returns its last error when that takes
// too long.
func await(t *testing.T, within time.Duration, done func() error) error {
	deadline := time.After(within)
	for {
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-deadline:
			return err
		case <-t.Context().Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// quietPort is a free address that stays free while its server is away: it lies
// below the ports that systems give to outgoing connections.
func quietPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}
