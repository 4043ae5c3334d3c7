//go:build linux

package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher/event"
	"usher/streams/natstest"
)

// upload is one way in which others bring files into an inbox.
type upload struct {
	tools  []string
	server func(t *testing.T, r *rig, port string) *exec.Cmd // nil where there is none
	client func(r *rig, port, file string) *exec.Cmd
	piped  bool // the client reads what it sends from its input
	leaves bool // a client that is killed leaves the half under the file's own name

	// unless is what the server says when it throws the half away instead, because it saw
	// the end of the control connection before that of the data; "" where it never does.
	unless string
}

// uploads are the ways that docs/uploads.md has in its table.
var uploads = map[string]upload{
	"sftp": {tools: []string{"sshd", "sftp"}, server: sshd, leaves: true, client: func(r *rig, port, file string) *exec.Cmd {
		c := exec.Command("sftp", append(sshFlags(r), "-q", "-l", "4000", "-P", port, "-b", "-", "root@127.0.0.1")...)
		c.Stdin = strings.NewReader(fmt.Sprintf("put %s %s\n", file, filepath.Join(r.dir, "inbox", "list.csv")))
		return c
	}},
	"scp": {tools: []string{"sshd", "scp"}, server: sshd, leaves: true, client: func(r *rig, port, file string) *exec.Cmd {
		return exec.Command("scp", append(sshFlags(r), "-q", "-l", "4000", "-P", port, file, "root@127.0.0.1:"+filepath.Join(r.dir, "inbox", "list.csv"))...)
	}},
	"vsftpd":  {tools: []string{"vsftpd", "curl"}, server: vsftpd, piped: true, leaves: true, client: ftp},
	"proftpd": {tools: []string{"proftpd", "curl"}, server: proftpd, piped: true, leaves: true, unless: "aborting transfer", client: ftp},
	"samba": {tools: []string{"smbd", "smbclient"}, server: smbd, piped: true, leaves: true, client: func(_ *rig, port, _ string) *exec.Cmd {
		return exec.Command("smbclient", "//127.0.0.1/inbox", "-N", "-p", port, "-c", "put - list.csv")
	}},
	"rsync": {tools: []string{"rsync"}, client: func(r *rig, _, file string) *exec.Cmd {
		return exec.Command("rsync", "--bwlimit=500", file, filepath.Join(r.dir, "inbox", "list.csv"))
	}},
	"rsync -P": {tools: []string{"rsync"}, leaves: true, client: func(r *rig, _, file string) *exec.Cmd {
		return exec.Command("rsync", "-qP", "--bwlimit=500", file, filepath.Join(r.dir, "inbox", "list.csv"))
	}},
}

// What a server keeps when its client dies in the middle is held, and never imported as
// if it were whole. A whole upload is taken at once.
func TestUploadsThatBreakOff(t *testing.T) {
	for name, u := range uploads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, program := range u.tools {
				serverTool(t, program)
			}
			needsRoot(t) // to run servers that change to their users
			r := newRig(t)
			inbox := filepath.Join(r.dir, "inbox")
			if err := errors.Join(os.MkdirAll(inbox, 0o750), os.Chmod(inbox, 0o777|os.ModeSticky), os.Chmod(r.dir, 0o755)); err != nil {
				t.Fatal(err)
			}
			for dir := r.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) { // servers with a user of their own go through them
				_ = os.Chmod(dir, 0o755)
			}
			port, says := "", func() string { return "" }
			if u.server != nil {
				port = freePort(t)
				says = serve(t, u.server(t, r, port), port)
			}
			r.rule(hold)
			r.run()
			whole := []byte(cut("whole", 20_000) + "\n")
			file := filepath.Join(r.dir, "list.csv")
			if err := os.WriteFile(file, whole, 0o644); err != nil {
				t.Fatal(err)
			}
			u.breakOff(t, r, port, file, whole)
			if u.leaves && !r.thrownAway(u.unless, says) {
				p := r.held("list.csv")
				if p.Rows >= 20_000 || !strings.Contains(p.Reason, "cut off after row") {
					t.Errorf("%+v", p)
				}
				r.exactlyOnce("list.csv", 0)
				r.answer(p, true)
				r.reports(1)
			}
			// The whole file, under the same name, in a hurry.
			c := u.client(r, port, file)
			if u.piped {
				c.Stdin = bytes.NewReader(whole)
			}
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("the whole upload: %v\n%s", err, out)
			}
			r.until("list.csv", func(p event.Progress) bool { return p.State == event.ImportArchived })
			r.exactlyOnce("list.csv", 20_000)
		})
	}
}

// thrownAway waits until the server has let go of the half, and tells whether it did
// not keep it.
func (r *rig) thrownAway(words string, says func() string) bool {
	for words != "" {
		if strings.Contains(says(), words) {
			return true
		}
		if _, err := os.Stat(filepath.Join(r.dir, "inbox", "list.csv")); err == nil {
			return false
		}
		if claims, _ := filepath.Glob(filepath.Join(r.dir, "inbox", ".usher", "*", "list.csv")); len(claims) > 0 {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// breakOff uploads the file and kills the client in the middle of a row.
func (u upload) breakOff(t *testing.T, r *rig, port, file string, whole []byte) {
	t.Helper()
	c := u.client(r, port, file)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	half := whole[:len(whole)/3]
	for half[len(half)-1] == '\n' {
		half = half[:len(half)-1]
	}
	if u.piped {
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = in.Write(half) }() // the client is killed when it has them
	}
	c.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for r.arrived() < 60_000 {
		if time.Now().After(deadline) {
			t.Fatalf("nothing arrives: %s", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	_ = unix.Kill(c.Process.Pid, unix.SIGKILL) // that it was killed is the point
	_ = c.Wait()
}

// arrived is how many bytes of the file lie in the inbox, under whatever name.
func (r *rig) arrived() (most int64) {
	paths, _ := filepath.Glob(filepath.Join(r.dir, "inbox", "*"))
	hidden, _ := filepath.Glob(filepath.Join(r.dir, "inbox", ".*.csv*"))
	for _, p := range append(paths, hidden...) {
		if i, err := os.Stat(p); err == nil && i.Mode().IsRegular() {
			most = max(most, i.Size())
		}
	}
	return most
}

// serverTool skips a test that needs a server which is not installed; CI installs it.
func serverTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed; .ci/run says how it is", name)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serve runs a server until the test ends, and waits until it answers. It returns
// what gives the server's words so far.
func serve(t *testing.T, c *exec.Cmd, port string) (says func() string) {
	t.Helper()
	out := &natstest.Output{}
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-c.Process.Pid, unix.SIGKILL) // with its children
		_ = c.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return out.String
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %s", c.Path, out.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// settings writes a server's configuration.
func settings(t *testing.T, r *rig, text string) string {
	t.Helper()
	path := filepath.Join(r.dir, "server.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sshd(t *testing.T, r *rig, port string) *exec.Cmd {
	key := filepath.Join(r.dir, "key")
	r.shell("ssh-keygen -q -t ed25519 -N '' -f " + key + " && mkdir -p /run/sshd")
	path, err := exec.LookPath("sshd") // which insists on its whole path
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, "-D", "-e", "-f", settings(t, r, fmt.Sprintf(`
Port %s
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile %s.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
`, port, key, key)))
}

func sshFlags(r *rig) []string {
	return []string{"-F", "/dev/null", "-i", filepath.Join(r.dir, "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"}
}

func ftp(_ *rig, port, _ string) *exec.Cmd {
	return exec.Command("curl", "-sS", "--user", "anonymous:x", "-T", "-", "ftp://127.0.0.1:"+port+"/inbox/list.csv")
}

func vsftpd(t *testing.T, r *rig, port string) *exec.Cmd {
	empty := filepath.Join(r.dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	return exec.Command("vsftpd", settings(t, r, fmt.Sprintf(`listen=YES
background=NO
listen_address=127.0.0.1
listen_port=%s
anonymous_enable=YES
no_anon_password=YES
anon_root=%s
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
write_enable=YES
delete_failed_uploads=YES
secure_chroot_dir=%s
seccomp_sandbox=NO
`, port, r.dir, empty)))
}

func proftpd(t *testing.T, r *rig, port string) *exec.Cmd {
	return exec.Command("proftpd", "--nodaemon", "--config", settings(t, r, fmt.Sprintf(`ServerType standalone
ServerName test
DefaultAddress 127.0.0.1
Port %s
UseIPv6 off
UseFtpUsers off
User nobody
Group nogroup
UseReverseDNS off
WtmpLog off
TransferLog none
SystemLog none
PidFile %[2]s/proftpd.pid
ScoreboardFile %[2]s/scoreboard
DelayEngine off
HiddenStores on
DeleteAbortedStores on
<Anonymous %[2]s>
  User nobody
  Group nogroup
  UserAlias anonymous nobody
  RequireValidShell off
  AllowOverwrite on
</Anonymous>
`, port, r.dir)))
}

func smbd(t *testing.T, r *rig, port string) *exec.Cmd {
	state := filepath.Join(r.dir, "samba")
	if err := os.Mkdir(state, 0o755); err != nil {
		t.Fatal(err)
	}
	return exec.Command("smbd", "--foreground", "--no-process-group", "--configfile", settings(t, r, fmt.Sprintf(`[global]
smb ports = %s
interfaces = lo
bind interfaces only = yes
server role = standalone server
map to guest = Bad User
guest account = root
disable spoolss = yes
load printers = no
smb2 max write = 65536
private dir = %[2]s
lock directory = %[2]s
state directory = %[2]s
cache directory = %[2]s
pid directory = %[2]s
ncalrpc dir = %[2]s/ncalrpc
log file = %[2]s/log
[inbox]
path = %[3]s
guest ok = yes
read only = no
`, port, state, filepath.Join(r.dir, "inbox"))))
}
