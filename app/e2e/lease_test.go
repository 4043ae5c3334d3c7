//go:build !noembed

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/app"
	"usher/event"
	"usher/streams/natstest"
)

// slowServer takes e-mail and answers the final dot when the test says so.
type slowServer struct {
	addr string
	dots chan struct{} // one for each message that came
	goOn chan struct{} // closed when they are answered
	came atomic.Int32
	said chan struct{} // one for each answer
}

func newSlowServer(t *testing.T) *slowServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &slowServer{addr: l.Addr().String(), dots: make(chan struct{}, 64), goOn: make(chan struct{}), said: make(chan struct{}, 64)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s
}

func (s *slowServer) talk(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 slow\r\n")
	data := false
	for in := bufio.NewScanner(conn); in.Scan(); {
		line := in.Text()
		switch {
		case data && line == ".":
			s.came.Add(1)
			s.dots <- struct{}{}
			<-s.goOn
			fmt.Fprint(conn, "250 2.0.0 queued as Q1\r\n")
			s.said <- struct{}{}
			data = false
		case data:
		case strings.HasPrefix(line, "DATA"):
			data = true
			fmt.Fprint(conn, "354 go on\r\n")
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
	}
}

// leased is usher without a worker, with one user whose e-mail a first worker is
// handing over to a slow server.
type leased struct {
	*usher
	mail  *slowServer
	first app.Config // of the worker that has the message
	a     *exec.Cmd
}

// lease starts it. toNATS and toTemporal are the ways of the first worker.
func lease(t *testing.T, ways func(c *app.Config, u *usher)) *leased {
	t.Helper()
	l := &leased{usher: newUsher(t), mail: newSlowServer(t)}
	l.config.Roles = app.Roles{Watch: true, Bridge: true, Console: true}
	l.config.Heartbeat = 3 * time.Second
	l.start("")
	l.first = l.worker()
	ways(&l.first, l.usher)
	l.a = l.startWorker(l.first)
	l.drop("a.csv", "user_id,email\nu-1,u1@example.org\n")
	if err := l.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	l.await("the first worker hands the message over", l.mail.dots)
	return l
}

// worker is a worker on a data folder of its own.
func (l *leased) worker() app.Config {
	c := l.config
	c.Data, c.Roles, c.OpsAddr = l.TempDir(), app.Roles{Worker: true}, freePort(l.TB)
	c.NATSURL, c.TemporalAddress = "nats://"+l.addr.NATS, l.addr.Temporal
	c.IDKeyFile, c.PayloadKeyFile = l.dir+"/id.key", l.dir+"/payload.key"
	c.SMTPAddr, c.SMSURL = l.mail.addr, "http://"+l.addr.CatcherHTTP
	return c
}

func (l *leased) startWorker(c app.Config) *exec.Cmd {
	l.Helper()
	cmd := l.startRole(c)
	l.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	l.waitReady(c.OpsAddr)
	return cmd
}

func (l *leased) await(what string, c <-chan struct{}) {
	l.Helper()
	select {
	case <-c:
	case <-time.After(60 * time.Second):
		l.Fatal("it never came true: " + what)
	}
}

// ends checks that the user is welcomed by so many messages, and returns what the
// ledger says.
func (l *leased) ends(messages int32) event.Send {
	l.Helper()
	p := l.waitFinal(60*time.Second, "u-1")["u-1"]
	s := p.Sends[event.SendKey(1, event.PurposeWelcome, event.ChannelEmail, 1)]
	if got := l.mail.came.Load(); p.Status != event.StatusWelcomed || got != messages || s.Copies != int(messages)-1 {
		l.Errorf("the user is %s after %d messages, want %d; the ledger says %+v", p.Status, got, messages, s)
	}
	return s
}

// A regression of issue 14: a worker that is alive, but is not heard by Temporal for
// longer than the heartbeat timeout, keeps the message that it hands over.
func TestTemporalDoesNotHearALivingWorker(t *testing.T) {
	var link *natstest.Link
	l := lease(t, func(c *app.Config, u *usher) {
		link = natstest.NewLink(t, u.addr.Temporal)
		c.TemporalAddress = link.Addr()
	})
	l.startWorker(l.worker())
	link.Freeze()
	thawed := make(chan struct{})
	time.AfterFunc(10*time.Second, func() { link.Thaw(); close(thawed) })
	l.await("the way to Temporal is free", thawed)
	close(l.mail.goOn)
	l.ends(1)
}

// What a killed worker had in hand is taken over within seconds by another one, and
// at once by the next start on its data folder.
func TestAKilledWorkersMessageIsTakenOver(t *testing.T) {
	for name, again := range map[string]bool{"by another worker": false, "by its own restart": true} {
		t.Run(name, func(t *testing.T) {
			l := lease(t, func(*app.Config, *usher) {})
			if !again {
				l.startWorker(l.worker())
			}
			began := time.Now()
			if err := l.a.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = l.a.Wait()
			if again {
				l.first.OpsAddr = freePort(t)
				l.startWorker(l.first)
			}
			l.await("the message is taken over", l.mail.dots)
			took := time.Since(began)
			t.Logf("taken over %v after the kill; Temporal waits %v for a heartbeat", took.Round(time.Millisecond), l.config.Heartbeat)
			close(l.mail.goOn)
			if s := l.ends(2); s.Owner != (event.Process{}) {
				t.Errorf("it is still leased: %+v", s)
			}
			if took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A worker that is asked to stop while NATS does not take its answer hands it to
// Temporal, and the next attempt writes it.
func TestAStoppedWorkerHandsItsAnswerOver(t *testing.T) {
	var link *natstest.Link
	l := lease(t, func(c *app.Config, u *usher) {
		link = natstest.NewLink(t, u.addr.NATS)
		c.NATSURL = "nats://" + link.Addr()
	})
	link.Freeze()
	close(l.mail.goOn)
	l.await("the server answers", l.mail.said)
	began := time.Now()
	if err := l.a.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := l.a.Wait(); err != nil {
		t.Errorf("the worker ended with %v, want exit code 0", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	} else {
		t.Logf("the stop took %v", took.Round(time.Millisecond))
	}
	l.startWorker(l.worker())
	l.ends(1)
}
