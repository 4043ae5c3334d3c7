//go:build !linux

package files

import (
	"errors"
	"syscall"
)

func changeTime(s *syscall.Stat_t) int64 { return s.Ctimespec.Nano() }

func renameNoReplace(int, string, int, string) error { return errors.ErrUnsupported }
