package sim

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "the seed to run")
	withoutFlag = flag.Bool("without", false, "run it without faults")
)

func TestMain(m *testing.M) {
	// What is begun outside of bubbles may be used by all of them.
	ats.Register()
	_, _ = net.LookupHost("localhost") // for its side effect only
	os.Exit(m.Run())
}

// inMemory is a folder whose files cost nothing to sync, where there is one: what
// a seed finds does not depend on it.
func inMemory() string {
	const shm = "/dev/shm"
	if s, err := os.Stat(shm); err == nil && s.IsDir() {
		return shm
	}
	return ""
}

// lived lives a seed in a bubble.
func lived(t *testing.T, seed uint64, without bool) outcome {
	t.Helper()
	dir, err := os.MkdirTemp(inMemory(), "usher-sim-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var out outcome
	seen := &trace{}
	stuck := time.AfterFunc(hangs-10*time.Second, func() { // out of the bubble, where time passes
		fmt.Fprintf(os.Stderr, "seed %d does not come to an end:\n%s\n", seed, strings.Join(seen.all(), "\n"))
	})
	defer stuck.Stop()
	synctest.Test(t, func(*testing.T) { out = run(seed, dir, without, seen) })
	// Libraries keep timers and channels in pools, and those of one bubble must not be
	// met in another: a pool is empty after two collections.
	runtime.GC()
	runtime.GC()
	return out
}

// TestSeed lives one seed and tells all about it, in the binary that lives seeds.
func TestSeed(t *testing.T) {
	if !locksAreIdle {
		args := []string{"-test.run=^TestSeed$", "-seed=" + strconv.FormatUint(*seedFlag, 10), "-without=" + strconv.FormatBool(*withoutFlag), "-test.timeout=" + hangs.String()}
		if testing.Verbose() {
			args = append(args, "-test.v")
		}
		out, err := exec.CommandContext(t.Context(), seeds(t), args...).CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Error(err)
		}
		return
	}
	began := time.Now()
	out := lived(t, *seedFlag, *withoutFlag)
	t.Logf("seed %d: %s there, %s here, steps %v\nfaults:\n  %s", *seedFlag, out.took, time.Since(began), out.steps, strings.Join(out.faults, "\n  "))
	if len(out.failed) > 0 || testing.Verbose() {
		t.Logf("trace:\n%s", strings.Join(out.trace, "\n"))
	}
	for _, f := range out.failed {
		t.Errorf("seed %d: %s", *seedFlag, f)
	}
}
