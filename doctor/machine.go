package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MachineTarget is where the doctor runs.
type MachineTarget struct {
	Data      string
	PID       int               // of the usher that runs on it; 0 for none
	Secrets   []string          // files with keys
	Listeners map[string]string // flags and addresses that the first start binds
	Ops       string            // HOST:PORT of a running usher's, "" for none
	MayBeAway bool              // it is no fault when nothing answers there
}

func (t *MachineTarget) looks() []look {
	return []look{{"this machine", t.inspect}, {"usher's own word", t.ops}}
}

func (t *MachineTarget) inspect(context.Context) (func(*Facts), error) {
	m := Machine{}
	dir := t.Data
	for { // before the first start it is not there
		i, err := os.Stat(dir)
		if err == nil {
			if !i.IsDir() {
				m.DataProblem = "it is no folder"
			} else if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
				m.DataProblem = "it cannot be written: " + plain(err)
			} else if readOnly(dir) {
				m.DataProblem = "it cannot be written: its file system is read-only"
			}
			break
		}
		up := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || up == dir {
			m.DataProblem = plain(err)
			break
		}
		dir = up
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil, err
	}
	m.Free, m.Size = s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)
	m.FreeFiles, m.Files = uint64(s.Ffree), s.Files
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		m.Open = files.Cur
	}
	if n, ok := openFiles(t.PID); ok {
		m.Open, m.OfUsher = n, true
	}
	for _, file := range t.Secrets {
		if i, err := os.Stat(file); err == nil && i.Mode().Perm()&0o004 != 0 {
			m.OpenKeys = append(m.OpenKeys, filepath.Base(file))
		}
	}
	for _, flag := range names(t.Listeners) {
		addr := t.Listeners[flag]
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "0" {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			m.Taken = append(m.Taken, fmt.Sprintf("%s %s: %s", flag, addr, plain(err)))
			continue
		}
		_ = l.Close()
	}
	return func(f *Facts) { f.Machine = m }, nil
}

// openFiles is how many a process may have open.
func openFiles(pid int) (uint64, bool) {
	if pid == 0 {
		return 0, false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			n, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// ops asks a running usher how it is.
func (t *MachineTarget) ops(ctx context.Context) (func(*Facts), error) {
	var o Ops
	if t.Ops != "" {
		o.Asked = true
		body, err := get(ctx, "http://"+t.Ops+"/readyz")
		switch {
		case err != nil && t.MayBeAway:
			o.Asked = false
		case err != nil:
			o.Problem = plain(err)
		default:
			lines := strings.Split(string(body), "\n")
			o.State, o.Parts = lines[0], lines[1:]
		}
	}
	return func(f *Facts) { f.Ops = o }, nil
}
