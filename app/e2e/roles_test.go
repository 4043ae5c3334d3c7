//go:build !noembed

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"

	"usher/app"
)

// startRole runs a role in a process of its own.
func (u *usher) startRole(c app.Config) *exec.Cmd {
	u.Helper()
	cfg, err := json.Marshal(c)
	if err != nil {
		u.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "USHER_E2E_CHILD="+string(cfg), "USHER_E2E_ROLE=1")
	cmd.Stdout, cmd.Stderr = u.log, u.log
	if err := cmd.Start(); err != nil {
		u.Fatal(err)
	}
	return cmd
}
