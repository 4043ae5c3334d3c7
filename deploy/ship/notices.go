package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/module"
)

var notice = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([-.].*)?$`)

// notices are the licences of the modules that are linked into a binary, which those
// licences ask to be given along.
func notices(binary string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOMODCACHE: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("Licences of what is linked into usher\n")
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		path, err := module.EscapePath(m.Path)
		if err != nil {
			return nil, err
		}
		version, err := module.EscapeVersion(m.Version)
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(strings.TrimSpace(string(cache)), path+"@"+version)
		files, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("the sources of %s are needed for its licence; run go mod download: %w", m.Path, err)
		}
		found := false
		for _, f := range files {
			if f.IsDir() || !notice.MatchString(f.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				return nil, err
			}
			found = true
			fmt.Fprintf(&b, "\n==== %s %s: %s\n\n%s\n", m.Path, m.Version, f.Name(), bytes.TrimSpace(text))
		}
		if !found {
			fmt.Fprintf(&b, "\n==== %s %s\n\nIt has no file with a licence; see https://%s\n", m.Path, m.Version, m.Path)
		}
	}
	return b.Bytes(), nil
}
