package sim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Seeds live in processes of their own, some dozens in each: a fault may be one
// that ends the process.
const chunk = 20

// hangs is how long a seed may take here; the slowest take some seconds.
const hangs = 2 * time.Minute

// verdict is what became of a seed.
type verdict struct {
	seed   uint64
	failed []string
}

// TestSeeds lives USHER_SIM_SEEDS seeds, 40 by default, from USHER_SIM_FIRST on.
// With USHER_SIM_STATE it goes on from the seed that this file names, and keeps it
// up to date. With USHER_SIM_STOP it ends at the first seed that fails.
func TestSeeds(t *testing.T) {
	n, first := uint64(number(t, "USHER_SIM_SEEDS", 40)), uint64(number(t, "USHER_SIM_FIRST", 1))
	if testing.Short() && os.Getenv("USHER_SIM_SEEDS") == "" {
		n = 20
	}
	state := os.Getenv("USHER_SIM_STATE")
	if b, err := os.ReadFile(state); err == nil {
		if next, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && next > first {
			n, first = n-min(n, next-first), next
			t.Logf("going on from seed %d", first)
		}
	}
	bin := seeds(t)
	began := time.Now()
	var mu sync.Mutex
	var bad []verdict
	count := 0
	starts := make(chan uint64)
	over := make(chan struct{})
	var stop sync.Once
	done := map[uint64]bool{}
	next := first
	var crew sync.WaitGroup
	for range max(1, runtime.NumCPU()) {
		crew.Go(func() {
			for from := range starts {
				runChunk(bin, from, min(from+chunk, first+n), func(v verdict) {
					mu.Lock()
					defer mu.Unlock()
					count++
					done[v.seed] = true
					for ; done[next]; next++ {
						delete(done, next)
					}
					if state != "" && count%chunk == 0 {
						_ = os.WriteFile(state, []byte(strconv.FormatUint(next, 10)+"\n"), 0o644) // else some are lived again
					}
					if len(v.failed) > 0 {
						bad = append(bad, v)
						fmt.Printf("seed %d: %s\n", v.seed, strings.Join(v.failed, "\n    "))
						if os.Getenv("USHER_SIM_STOP") != "" {
							stop.Do(func() { close(over) })
						}
					}
				}, over)
			}
		})
	}
feed:
	for from := first; from < first+n; from += chunk {
		select {
		case starts <- from:
		case <-over:
			break feed
		}
	}
	close(starts)
	crew.Wait()
	if state != "" && next >= first+n {
		_ = os.Remove(state) // the next time begins anew
	}
	t.Logf("%d seeds in %s, %d of them failed", count, time.Since(began).Round(time.Second), len(bad))
	slices.SortFunc(bad, func(a, b verdict) int { return int(a.seed) - int(b.seed) })
	for _, v := range bad {
		t.Errorf("seed %d (go test ./app/sim -run 'TestSeed$' -seed %d): %s", v.seed, v.seed, strings.Join(v.failed, "; "))
	}
}

func number(t *testing.T, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// runChunk lives the seeds from first to before last. A process that dies has
// failed its seed, and another goes on with the next.
func runChunk(bin string, first, last uint64, tell func(verdict), over <-chan struct{}) {
	again := first - 1 // the seed that is lived a second time
	for first < last {
		select {
		case <-over:
			return
		default:
		}
		cmd := exec.Command(bin, "-test.run=^TestChild$", "-test.timeout=0")
		cmd.Env = append(os.Environ(), fmt.Sprintf("USHER_SIM_CHILD=%d-%d", first, last),
			"GOMAXPROCS=1", "GOGC=400", "GOMEMLIMIT=1GiB") // what a seed leaves is collected at its end anyway
		var errs bytes.Buffer
		out, err := cmd.StdoutPipe()
		if err == nil {
			cmd.Stderr = &errs
			err = cmd.Start()
		}
		if err != nil {
			tell(verdict{first, []string{"the seed cannot be started: " + err.Error()}})
			return
		}
		slow := time.AfterFunc(hangs, func() { _ = cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			rest, ok := strings.CutPrefix(lines.Text(), "SEED ")
			if !ok {
				continue
			}
			slow.Reset(hangs)
			nr, what, _ := strings.Cut(rest, " ")
			seed, _ := strconv.ParseUint(nr, 10, 64)
			v := verdict{seed: seed}
			if what != "ok" {
				v.failed = strings.Split(what, " | ")
			}
			tell(v)
			first = seed + 1
		}
		err = cmd.Wait()
		if slow.Stop(); err != nil {
			var exit *exec.ExitError
			why := "it was killed, because it hung"
			if errors.As(err, &exit) && exit.Exited() {
				why = firstLine(errs.String()) + kept(first, errs.String())
			}
			if leftByOthers(errs.String()) && again != first {
				again = first
				continue
			}
			tell(verdict{first, []string{"alive: the process died: " + why}})
			first++
		}
	}
}

var dying = regexp.MustCompile(`(?m)^(panic|fatal error): .*$`)

func firstLine(s string) string {
	if m := dying.FindString(s); m != "" {
		return m
	}
	return s[:min(len(s), 300)]
}

// leftByOthers tells that a process died because goroutines of the NATS server or of
// Temporal's SDK were left in a bubble, and no other. A server that is shut down while it
// makes a stream leaves the loop of that stream's file. A worker that stops while it has
// a task of a run in hand leaves the coroutines of that run: it empties its cache first,
// and the run comes into it afterwards.
func leftByOthers(said string) bool {
	if !strings.Contains(said, "main bubble goroutine has exited but blocked goroutines remain") {
		return false
	}
	goroutines := strings.Split(said, "\n\ngoroutine ")
	left := goroutines[min(2, len(goroutines)):] // behind the sentence and the one that says it
	for _, g := range left {
		if !strings.Contains(g, "\ngithub.com/nats-io/nats-server/v2/server.") && !strings.Contains(g, ":\n"+coroutine) {
			return false
		}
	}
	return len(left) > 0
}

// coroutine is where one of a run waits for its turn.
const coroutine = "go.temporal.io/sdk/internal.(*coroutineState).initialYield("

func TestADeathIsExcusedOnlyByWhatOthersLeave(t *testing.T) {
	dead := "panic: deadlock: main bubble goroutine has exited but blocked goroutines remain [recovered, repanicked]\n\ngoroutine 11 [running]:\ntesting.tRunner.func1.2()\n"
	server := "\n\ngoroutine 245 [select (durable), synctest bubble 14]:\ngithub.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop(0x1)\n\t/filestore.go:12310 +0x105\n"
	ours := "\n\ngoroutine 246 [chan receive (durable), synctest bubble 14]:\nusher/bridge.(*pull).serve(0x1)\n\t/pull.go:12 +0x105\n"
	run := "\n\ngoroutine 247 [chan receive (durable), synctest bubble 14]:\n" + coroutine + "0x1)\n\t/internal_workflow.go:1053 +0x56\nusher/workflows.(*onboarding).await(0x1)\n"
	for said, excused := range map[string]bool{dead + run: true, dead + run + server: true, dead + run + ours: false, dead + server: true, dead + server + server: true, dead + server + ours: false, dead + ours: false, dead: false, "panic: close of closed channel\n\ngoroutine 1 [running]:\n" + server: false} {
		if leftByOthers(said) != excused {
			t.Errorf("excused %v:\n%s", !excused, said)
		}
	}
}

// kept keeps all that a seed said which failed, and tells where: it may live when it is
// tried again.
func kept(seed uint64, said string) string {
	f, err := os.CreateTemp("", fmt.Sprintf("usher-sim-%d-*.txt", seed))
	if err != nil {
		return ""
	}
	defer f.Close()
	if _, err := f.WriteString(said); err != nil {
		return ""
	}
	return " (all of it: " + f.Name() + ")"
}

// TestChild is the process that lives some seeds.
func TestChild(t *testing.T) {
	spec := os.Getenv("USHER_SIM_CHILD")
	if spec == "" {
		t.Skip("it is a part of TestSeeds")
	}
	var first, last uint64
	if _, err := fmt.Sscanf(spec, "%d-%d", &first, &last); err != nil {
		t.Fatal(err)
	}
	for seed := first; seed < last; seed++ {
		out := lived(t, seed, false)
		line := "ok"
		if failed := unknown(out.failed); len(failed) > 0 {
			line = strings.ReplaceAll(strings.Join(failed, " | "), "\n", " ") + kept(seed, strings.Join(out.trace, "\n"))
		}
		fmt.Printf("SEED %d %s\n", seed, line)
	}
}

// unknown leaves out the failures that known.txt excuses: one pattern a line, for
// a fault that is known and not mended yet.
func unknown(failed []string) (out []string) {
	b, err := os.ReadFile("known.txt")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return append(failed, err.Error())
	}
	for _, f := range failed {
		known := false
		for _, line := range strings.Split(string(b), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				if m, err := regexp.MatchString(line, f); err != nil || m {
					known = true
				}
			}
		}
		if !known {
			out = append(out, f)
		}
	}
	return out
}

// locksAreIdle is set in the binary that lives seeds.
var locksAreIdle bool

// seeds is the binary that lives seeds: this one, or one that is built for it.
func seeds(t *testing.T) string {
	t.Helper()
	if locksAreIdle {
		return os.Args[0]
	}
	bin := filepath.Join(t.TempDir(), "seeds")
	out, err := exec.Command("go", "test", "-c", "-tags", "disable_grpc_modules,simlocks", "-ldflags", "-checklinkname=0", "-o", bin, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("the binary that lives seeds cannot be built: %v\n%s", err, out)
	}
	return bin
}
