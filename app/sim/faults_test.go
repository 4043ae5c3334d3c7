package sim

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// The faults that `make faults` puts back are patches of today's tree. One that does not
// apply any more is made anew with the change that moved its lines.
func TestFaultsApply(t *testing.T) {
	patches, err := filepath.Glob("faults/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatal("there are no faults", err)
	}
	for _, p := range patches {
		c := exec.Command("git", "apply", "--check", filepath.Join("app", "sim", p))
		c.Dir = filepath.Join("..", "..")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", p, err, out)
		}
	}
}
