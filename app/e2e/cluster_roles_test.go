//go:build !noembed

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/app"
	"usher/app/embedded"
)

// temporalChild is the main of a process that is one Temporal server.
func temporalChild(spec string) int {
	var c embedded.Config
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		panic(err)
	}
	c.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := embedded.Start(ctx, c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {
	case <-ctx.Done():
	case err := <-s.Failed():
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Stop(stopping); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startTemporal runs a Temporal server in a process of its own until the test
// ends.
func startTemporal(t *testing.T) (addr string, log *os.File) {
	t.Helper()
	dir := t.TempDir()
	c := embedded.Config{Dir: dir, Temporal: true, NATSAddr: "127.0.0.1:0", TemporalAddr: quietPort(t), TemporalUIAddr: quietPort(t), Retention: 24 * time.Hour}
	spec, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	log, err = os.Create(filepath.Join(t.TempDir(), "temporal.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := onLeash(t, log, "USHER_E2E_TEMPORAL="+string(spec))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var stopping atomic.Bool
	go func() {
		defer close(ended)
		if err := cmd.Wait(); !stopping.Load() {
			t.Errorf("Temporal ended by itself: %v", err)
		}
	}()
	t.Cleanup(func() {
		stopping.Store(true)
		_ = cmd.Process.Kill()
		<-ended
	})
	return c.TemporalAddr, log
}

// role is one process of usher, which is started again when it dies, as a
// supervisor would. That it died is remembered.
type role struct {
	name   string
	config app.Config
	log    *os.File

	mu       sync.Mutex
	cmd      *exec.Cmd
	stopping bool
	deaths   []string
	done     chan struct{}
	looks    []look
}

// look is what /readyz said from a moment on.
type look struct {
	at   time.Time
	says string
}

func startRole(t *testing.T, name string, c app.Config) *role {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.OpsAddr = t.TempDir(), quietPort(t)
	r := &role{name: name, config: c, log: log, done: make(chan struct{})}
	go r.supervise(t)
	watching, stop := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() { defer close(watched); r.watch(watching) }()
	t.Cleanup(func() { r.kill(); stop(); <-watched })
	return r
}

// supervise keeps the process alive until it is told to stop.
func (r *role) supervise(t *testing.T) {
	defer close(r.done)
	spec, err := json.Marshal(r.config)
	if err != nil {
		t.Error(err)
		return
	}
	for {
		before, _ := r.log.Seek(0, io.SeekEnd) // the file is open
		cmd := onLeash(t, r.log, "USHER_E2E_CHILD="+string(spec), "USHER_E2E_ROLE=1")
		r.mu.Lock()
		if r.stopping {
			r.mu.Unlock()
			return
		}
		err := cmd.Start()
		r.cmd = cmd
		r.mu.Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		err = cmd.Wait()
		r.mu.Lock()
		r.cmd = nil
		if r.stopping {
			if err != nil && !killed(err) {
				r.deaths = append(r.deaths, fmt.Sprintf("%s: after SIGTERM: %v", r.name, err))
			}
			r.mu.Unlock()
			return
		}
		r.deaths = append(r.deaths, fmt.Sprintf("%s: %v: %s", r.name, err, r.lastWords(before)))
		r.mu.Unlock()
		<-time.After(250 * time.Millisecond) // a supervisor's pause
	}
}

// lastWords are the panic that ended a process which began to write at a place of
// the log, or else its last line.
func (r *role) lastWords(from int64) string {
	b, err := os.ReadFile(r.log.Name())
	if err != nil {
		return err.Error()
	}
	b = b[min(from, int64(len(b))):]
	for _, word := range []string{"panic: ", "fatal error: "} {
		if i := bytes.Index(b, []byte(word)); i >= 0 {
			return string(b[i:min(len(b), i+2000)])
		}
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

func (r *role) kill() {
	r.mu.Lock()
	r.stopping = true
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
	}
	r.mu.Unlock()
	<-r.done
}

// stop ends the role as an operator does, and returns how long it took.
func (r *role) stop() time.Duration {
	began := time.Now()
	r.mu.Lock()
	r.stopping = true
	if r.cmd != nil {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
	}
	r.mu.Unlock()
	<-r.done
	return time.Since(began)
}

// watch asks the role how it is, and remembers each change.
func (r *role) watch(ctx context.Context) {
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	client := http.Client{Timeout: 2 * time.Second}
	for {
		at, says := time.Now(), "no answer"
		if a, err := client.Get("http://" + r.config.OpsAddr + "/readyz"); err == nil {
			b, _ := io.ReadAll(a.Body)
			a.Body.Close()
			says = strings.Join(strings.Split(strings.TrimSpace(string(b)), "\n"), ", ")
		}
		r.mu.Lock()
		if n := len(r.looks); n == 0 || r.looks[n-1].says != says {
			r.looks = append(r.looks, look{at, says})
		}
		r.mu.Unlock()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *role) says() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.looks) == 0 {
		return "nothing yet"
	}
	return r.looks[len(r.looks)-1].says
}

// saidBetween is how long the role said what, "ok" left out.
func (r *role) saidBetween(from, to time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	long := map[string]time.Duration{}
	for i, l := range r.looks {
		end := to
		if i+1 < len(r.looks) && r.looks[i+1].at.Before(to) {
			end = r.looks[i+1].at
		}
		if begin := later(l.at, from); begin.Before(end) && l.says != "ok" {
			long[kind(l.says)] += end.Sub(begin)
		}
	}
	var out []string
	for _, says := range slices.Sorted(maps.Keys(long)) {
		out = append(out, fmt.Sprintf("%.1f s %q", long[says].Seconds(), says))
	}
	return cmp.Or(strings.Join(out, "; "), "ok")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// kind is a message without what differs each time.
func kind(s string) string { return numbers.ReplaceAllString(s, "#") }

var numbers = regexp.MustCompile(`[0-9A-Za-z]{22,}|\d+(\.\d+)*(ms|µs|s)?`)

// trouble counts what the role logged at warn and error from a place of its log
// on, by level and message, and says where the log ends now. Of each message
// example keeps the first line.
func (r *role) trouble(from int64, into map[string]int, example map[string]string) int64 {
	b, err := os.ReadFile(r.log.Name())
	if err != nil || int64(len(b)) < from {
		return from
	}
	for line := range strings.Lines(string(b[from:])) {
		m := logged.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		key := m[1] + " " + strings.Trim(m[2], `"`)
		if e := failure.FindStringSubmatch(line); e != nil {
			key += " (" + e[0] + ")"
		}
		into[key]++
		if example[key] == "" {
			example[key] = strings.TrimSpace(line)
		}
	}
	return int64(len(b))
}

var (
	logged  = regexp.MustCompile(`level=(WARN|ERROR) msg=("[^"]*"|\S+)`)
	failure = regexp.MustCompile(`err_code=\d+|no response from stream|no responders|context deadline exceeded|nats: timeout|connection closed|no heartbeat`)
)
