//go:build !linux

package files

import (
	"errors"
	"syscall"
)

func changeTime(s *syscall.Stat_t) int64 { return s.Ctimespec.Nano() }

// OnNetwork is true: nothing is known.
func OnNetwork(string) bool { return true }

func renameNoReplace(int, string, int, string) error { return errors.ErrUnsupported }
