//go:build !noembed

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// deafServer takes e-mail up to the final dot and never answers it.
func deafServer(t *testing.T) (addr string, handed <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	dots := make(chan struct{}, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, "220 deaf\r\n")
				data := false
				for in := bufio.NewScanner(conn); in.Scan(); {
					line := in.Text()
					switch {
					case data && line == ".":
						dots <- struct{}{}
						data = false
					case data:
					case strings.HasPrefix(line, "DATA"):
						data = true
						fmt.Fprint(conn, "354 go on\r\n")
					default:
						fmt.Fprint(conn, "250 fine\r\n")
					}
				}
			}()
		}
	}()
	return l.Addr().String(), dots
}

// SIGTERM ends usher within ten seconds with exit code 0, also while a server
// does not say whether it took a message; that is recorded as unknown.
func TestStopWithAnOpenSend(t *testing.T) {
	u := newUsher(t)
	addr, handed := deafServer(t)
	u.config.SMTPAddr = addr
	u.drop("a.csv", list(1, 1, ""))
	u.start("")
	if err := u.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-handed:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was sent")
	}
	took := u.stop()
	if took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	t.Logf("the stop took %s", took)
	// Started again with a server that answers, the message is sent once more and
	// counted as a copy.
	u.config.SMTPAddr = ""
	u.start("")
	p, err := u.status("u-1")
	if err != nil {
		t.Fatal(err)
	}
	key := event.SendKey(1, event.PurposeWelcome, event.ChannelEmail, 1)
	if s := p.Sends[key]; s.State != event.SendUnknown && s.Copies == 0 {
		t.Errorf("after the stop the ledger says %q", s.State)
	}
	p = u.waitFinal(30*time.Second, "u-1")["u-1"]
	if s := p.Sends[key]; p.Status != event.StatusWelcomed || s.Copies != 1 {
		t.Errorf("%s with %d copies, want welcomed with 1", p.Status, s.Copies)
	}
}

// With nothing in hand a stop is quick.
func TestStopAtRest(t *testing.T) {
	u := newUsher(t)
	u.drop("a.csv", list(1, 3, ""))
	u.start("")
	u.waitIdle(3)
	if took := u.stop(); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

// A stop in the middle of work is what an operator asked for: no line of the log
// calls it an outage, or trouble of any other kind.
func TestAStopIsNotLoggedAsAnOutage(t *testing.T) {
	const users = 1500
	u := newUsher(t)
	u.start("")
	u.drop("a.csv", list(1, users, ""))
	if err := u.decide(event.VerbApproved, ids(1, users)...); err != nil {
		t.Fatal(err)
	}
	u.until("some are welcomed and others are not", func() bool {
		mails, _ := u.caught()
		return len(mails) > 5
	})
	before, err := os.ReadFile(u.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the stop took %s", u.stop())
	after, err := os.ReadFile(u.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(after[len(before):])) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			t.Errorf("the stop is logged as trouble: %s", line)
		}
	}
}
