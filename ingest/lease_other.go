//go:build !linux

package ingest

import "syscall"

func probe(string) lease { return leaseNone }

func changeTime(s *syscall.Stat_t) int64 { return s.Ctimespec.Nano() }
