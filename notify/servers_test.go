package notify

import (
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams/natstest"
)

// private is a server of Debian's that is unpacked and not installed, because these
// conflict with one another. It runs in a view of the file system of its own, in
// which its packages lie where they belong, and whatever it writes is gone with it.
type private struct {
	packages []string          // as they lie in /opt; the first names the server
	users    []string          // of its own, with a home in its folder
	etc      map[string]string // files
	run      string            // shell; $DIR is its folder, $PORT is where it listens, $PORT2 to 4 are for the rest, and the server comes last, in the foreground
}

// enter builds the view. Nothing of it outlives the process.
const enter = `set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs none $DIR/tmp
mkdir $DIR/tmp/etc $DIR/tmp/etc.work $DIR/tmp/var $DIR/tmp/var.work
etc=$DIR/etc usr= var=
for p in $PACKAGES; do
	[ ! -d /opt/$p/etc ] || etc=$etc:/opt/$p/etc
	[ ! -d /opt/$p/usr ] || usr=$usr/opt/$p/usr:
	[ ! -d /opt/$p/var ] || var=$var/opt/$p/var:
done
mount -t overlay none -o lowerdir=$etc:/etc,upperdir=$DIR/tmp/etc,workdir=$DIR/tmp/etc.work /etc
mount -t overlay none -o lowerdir=$var/var,upperdir=$DIR/tmp/var,workdir=$DIR/tmp/var.work /var
mount -t overlay none -o lowerdir=$usr/usr /usr
`

// started is such a server that takes connections.
type started struct {
	dir, addr string
	log       *natstest.Output
	end       func()
}

func (p private) start(t testing.TB) *started {
	t.Helper()
	missing := os.Getuid() != 0
	for _, name := range p.packages {
		_, err := os.Stat("/opt/" + name)
		missing = missing || err != nil
	}
	if missing {
		if os.Getenv("CI") != "" {
			t.Fatalf("root and the packages %v in /opt are needed: .ci/run unpacks them", p.packages)
		}
		t.Skipf("needs root, and %v of Debian unpacked in /opt/PACKAGE (apt-get download, dpkg -x), as .ci/run does", p.packages)
	}
	dir, err := os.MkdirTemp("", "usher-"+p.packages[0]) // short, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &started{dir: dir, addr: freePort(t), log: &natstest.Output{}}
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	fill := strings.NewReplacer("$DIR", dir, "$PORT2", port(freePort(t)), "$PORT3", port(freePort(t)), "$PORT4", port(freePort(t)), "$PORT", port(s.addr))
	files := map[string]string{"passwd": output(t, "cat", "/etc/passwd"), "group": output(t, "cat", "/etc/group"), "resolv.conf": "nameserver 127.0.0.1\n", "mailname": "mx.example.org\n"}
	for name, text := range p.etc {
		files[name] = fill.Replace(text)
	}
	for i, user := range p.users {
		id, home := 61000+i, filepath.Join(dir, "home", user)
		files["passwd"] += fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", user, id, id, home)
		files["group"] += fmt.Sprintf("%s:x:%d:\n", user, id)
		if err := os.MkdirAll(home, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(home, id, id); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		at := filepath.Join(dir, "etc", name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "sh", "-c", enter+"(\n"+fill.Replace(p.run)+") &\nwait $!\n")
	cmd.Env = append(os.Environ(), "DIR="+dir, "PACKAGES="+strings.Join(p.packages, " "))
	cmd.Stdout, cmd.Stderr, cmd.Dir = s.log, s.log, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); _ = cmd.Wait() }()
	s.end = func() { _ = cmd.Process.Kill(); <-over } // and with it the shell, whose end is that of the whole view
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	s.await(t, s.addr, over)
	return s
}

// await waits until a server listens at addr.
func (s *started) await(t testing.TB, addr string, over <-chan struct{}) {
	t.Helper()
	for deadline := time.After(30 * time.Second); ; {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
		select {
		case <-over:
			t.Fatal("the server has ended")
		case <-deadline:
			t.Fatal("the server does not start")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// found waits until files fit the pattern in the server's folder.
func (s *started) found(t testing.TB, pattern string, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == n {
			return files
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d files, want %d", pattern, len(files), n)
		}
	}
}

// touch makes an empty file in the server's folder.
func (s *started) touch(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// serverRig sends to such a server, and logs what it refuses in its own words.
func serverRig(t *testing.T, addr string, change ...func(*Config)) *rig {
	t.Helper()
	return newRig(t, addr, "http://"+nowhere, append([]func(*Config){func(c *Config) {
		c.Providers.Email[0].Said = func(words string) { t.Log(words) }
	}}, change...)...)
}

// told is one message to a real server, and what becomes of it.
type told struct {
	to     string
	state  event.SendState
	reason string // of the refusal
}

// tell sends to each in turn and compares.
func tell(t *testing.T, r *rig, messages []told) {
	t.Helper()
	for i, m := range messages {
		q := requestOf(1)
		q.UserID, q.Email = "u-"+fmt.Sprint(crc32.ChecksumIEEE([]byte(m.to))), m.to
		sent, err := r.Send(t.Context(), q)
		if sent.State != m.state || (err == nil) != (m.reason == "") || err != nil && !strings.Contains(err.Error(), m.reason) {
			t.Errorf("%d, %s: %q, %v; want %q, %s", i, m.to, sent.State, err, m.state, m.reason)
		}
		g := r.channels[event.ChannelEmail][0].gate
		g.leave(nil) // each is judged by itself
	}
}
