//go:build !noembed

package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"usher/app"
	"usher/event"
)

// Two bridges share the work. One is frozen in the middle of it, as a machine
// that swaps would be: the other takes over what it held. When it thaws, it goes
// on with messages that are no longer its own, and nothing happens twice.
func TestAFrozenBridge(t *testing.T) {
	const users = 200
	servers := newUsher(t)
	servers.config.Roles = app.Roles{Watch: true, Worker: true, Console: true}
	servers.start("")
	var bridges []*exec.Cmd
	var ops []string
	for range 2 {
		c := servers.config
		c.Data, c.Roles, c.OpsAddr = t.TempDir(), app.Roles{Bridge: true}, freePort(t)
		c.NATSURL, c.TemporalAddress = "nats://"+servers.addr.NATS, servers.addr.Temporal
		c.IDKeyFile, c.PayloadKeyFile = servers.dir+"/id.key", servers.dir+"/payload.key"
		ops = append(ops, c.OpsAddr)
		bridges = append(bridges, servers.startRole(c))
	}
	t.Cleanup(func() {
		for _, b := range bridges {
			_ = b.Process.Signal(syscall.SIGCONT)
			_ = b.Process.Kill()
			_ = b.Wait()
		}
	})
	for _, o := range ops {
		servers.waitReady(o)
	}
	servers.drop("users.csv", list(1, users, ""))
	servers.until("both bridges work", func() bool { return servers.handled(ops[0]) > 20 && servers.handled(ops[1]) > 20 })
	if err := bridges[0].Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := servers.decide(event.VerbApproved, ids(1, users)...); err != nil {
		t.Fatal(err)
	}
	people := servers.waitFinal(90*time.Second, ids(1, users)...)
	alone := servers.handled(ops[1])
	if err := bridges[0].Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	servers.until("the thawed bridge answers", func() bool { return servers.handled(ops[0]) > 0 })

	servers.drop("more.csv", list(users+1, users, ""))
	if err := servers.decide(event.VerbApproved, ids(users+1, users)...); err != nil {
		t.Fatal(err)
	}
	for id, p := range servers.waitFinal(90*time.Second, ids(users+1, users)...) {
		people[id] = p
	}
	for id, p := range people {
		if p.Status != event.StatusWelcomed {
			t.Errorf("%s is %s", id, p.Status)
		}
	}
	servers.eachOnce(people)
	first, second := servers.handled(ops[0]), servers.handled(ops[1])
	t.Logf("%v messages by the one that froze, %v by the other, %v of them alone", first, second, alone)
	if share := first / (first + second - alone); share < 0.2 {
		t.Errorf("the thawed bridge does %.0f %% of the work that is shared", 100*share)
	}
}

// handled is how many messages the bridge with these metrics has dealt with.
func (u *usher) handled(ops string) (n float64) {
	u.Helper()
	var text string
	u.get("http://"+ops+"/metrics", &text)
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		u.Fatal(err)
	}
	for _, m := range families["usher_bridge_messages_total"].GetMetric() {
		n += m.GetCounter().GetValue()
	}
	return n
}

func (u *usher) waitReady(ops string) {
	u.Helper()
	u.until("the role on "+ops+" is ready", func() bool {
		c, err := net.Dial("tcp", ops)
		if err != nil {
			return false
		}
		defer c.Close()
		var text string
		u.get("http://"+ops+"/readyz", &text)
		return strings.HasPrefix(text, "ok")
	})
}

func (u *usher) until(what string, done func() bool) {
	u.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			u.Fatal("it never came true: " + what)
		}
	}
}

// freePort is an address that was free a moment ago: a role writes nowhere which
// one it took.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
