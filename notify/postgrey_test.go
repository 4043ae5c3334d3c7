package notify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams/natstest"
)

// startPostgrey starts Debian's, with its lists and its files in a folder of its own,
// and returns where Postfix asks it. It puts off all recipients but known@.
func startPostgrey(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("postgrey"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("postgrey is needed: .ci/run installs it")
		}
		t.Skip("needs postgrey (apt-get install postgrey)")
	}
	dir, err := os.MkdirTemp("", "usher-postgrey")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	none, known := filepath.Join(dir, "clients"), filepath.Join(dir, "recipients")
	for file, text := range map[string]string{none: "", known: "known@\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	output(t, "chown", "postgrey:", dir)
	addr, log := freePort(t), &natstest.Output{}
	cmd := exec.Command("postgrey", "--inet="+addr, "--dbdir="+dir, "--delay=2",
		"--auto-whitelist-clients=0", "--whitelist-clients="+none, "--whitelist-recipients="+known)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); _ = cmd.Wait() }()
	s := &started{dir: dir, addr: addr, log: log}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-over
		if t.Failed() {
			t.Log(log.String())
		}
	})
	s.await(t, addr, over)
	return addr
}

// Greylisting by a postgrey of its own process: each recipient waits for its second try,
// more of them than would blame a provider, and whom it knows never waits. Postfix may
// ask it about the sender too, and then says that it is this one whom it rejects.
func TestRealPostgrey(t *testing.T) {
	grey := startPostgrey(t)
	for asked, who := range map[string]string{"smtpd_relay_restrictions": "user", "smtpd_sender_restrictions": "other"} {
		t.Run(asked, func(t *testing.T) {
			p := startPostfix(t, time.Minute, func(string) string { return asked + " = check_policy_service inet:" + grey + "\n" })
			var said []string
			r := postfixRig(t, p, func(c *Config) {
				c.Providers.Email[0].Said = func(words string) { said = append(said, words) }
			})
			to := func(i int) Request {
				q := requestOf(i)
				q.Email = fmt.Sprintf("%s%d@example.org", who, i)
				return q
			}
			putOff := func(i int, err error) {
				t.Helper()
				_, trouble := r.channels[event.ChannelEmail][0].gate.troubled()
				if event.IsPermanent(err) || event.IsPaused(err) || !strings.Contains(fmt.Sprint(err), ReasonDeferred) || trouble != "" {
					t.Fatalf("%d: %v; the provider's trouble is %q", i, err, trouble)
				}
			}
			for i := range 2 * mostAlike {
				_, err := r.Send(t.Context(), to(i))
				putOff(i, err)
			}
			for _, words := range said {
				if !strings.Contains(words, "450 4.2.0 ") || !strings.Contains(words, "Greylisted") {
					t.Errorf("it says %q", words)
				}
			}
			known := requestOf(99)
			known.Email = "known@example.org"
			if _, err := r.Send(t.Context(), known); err != nil {
				t.Errorf("whom it knows: %v", err)
			}
			for i := range 2 * mostAlike {
				for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
					_, err := r.Send(t.Context(), to(i))
					if err == nil {
						break
					}
					if putOff(i, err); time.Now().After(deadline) {
						t.Fatalf("%d: %v", i, err)
					}
				}
			}
			p.delivered(t, 2*mostAlike+1)
		})
	}
}
