package main

import (
	"fmt"
	"regexp"
	"time"
)

var (
	released = regexp.MustCompile(`^v?(\d+\.\d+\.\d+)(?:-(rc\.?\d+))?$`)
	after    = regexp.MustCompile(`^v?(\d+\.\d+\.\d+)(?:-(rc\.?\d+))?-(\d+)-g([0-9a-f]+)(-dirty)?$`)
	commit   = regexp.MustCompile(`^([0-9a-f]{7,40})(-dirty)?$`)
)

// debianVersion is what `git describe` says as dpkg orders it: a candidate before its
// release, commits after a release behind it, and commits before the first release
// before that, by their time.
func debianVersion(describe string, at time.Time) (string, error) {
	candidate := func(s string) string {
		if s == "" {
			return ""
		}
		return "~" + s
	}
	dirty := func(s string) string {
		if s == "" {
			return ""
		}
		return ".dirty"
	}
	if m := released.FindStringSubmatch(describe); m != nil {
		return m[1] + candidate(m[2]), nil
	}
	if m := after.FindStringSubmatch(describe); m != nil {
		return m[1] + candidate(m[2]) + "+" + m[3] + ".g" + m[4] + dirty(m[5]), nil
	}
	if m := commit.FindStringSubmatch(describe); m != nil {
		return "0~" + at.UTC().Format("20060102150405") + ".g" + m[1] + dirty(m[2]), nil
	}
	return "", fmt.Errorf("-version %q: neither a release as v1.2.3 nor a commit", describe)
}
