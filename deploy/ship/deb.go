package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
)

// deb writes the package of a binary into a folder, and returns its name.
func (b build) deb(binary, host, arch, to string) (string, error) {
	version, err := debianVersion(b.Version, b.Time)
	if err != nil {
		return "", err
	}
	stage, err := os.MkdirTemp("", "usher-deb")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(stage)
	if err := b.stage(stage, binary, host, version); err != nil {
		return "", err
	}
	root, err := filepath.Abs(b.Root)
	if err != nil {
		return "", err
	}
	if to, err = filepath.Abs(to); err != nil {
		return "", err
	}
	back, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if err := os.Chdir(filepath.Join(root, "deploy", "debian")); err != nil { // nfpm.yaml names its neighbours
		return "", err
	}
	defer os.Chdir(back) //nolint:errcheck // it was there
	text, err := os.ReadFile("nfpm.yaml")
	if err != nil {
		return "", err
	}
	values := map[string]string{"VERSION": version, "ARCH": arch, "STAGE": stage, "ROOT": root}
	config, err := nfpm.Parse(strings.NewReader(os.Expand(string(text), func(name string) string { return values[name] })))
	if err != nil {
		return "", fmt.Errorf("nfpm.yaml: %w", err)
	}
	config.MTime = b.Time
	for _, c := range config.Contents { // else each file has the time that it has here
		if c.FileInfo != nil {
			c.FileInfo.MTime = b.Time
		}
	}
	info, err := config.Get("deb")
	if err != nil {
		return "", err
	}
	info = nfpm.WithDefaults(info)
	packager, err := nfpm.Get("deb")
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := packager.Package(info, &out); err != nil {
		return "", err
	}
	name := filepath.Join(to, packager.ConventionalFileName(info))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	return name, os.WriteFile(name, out.Bytes(), 0o644)
}

// stage puts into dir what is made for the package.
func (b build) stage(dir, binary, host, version string) error {
	text, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "usher"), text, 0o755); err != nil {
		return err
	}
	news, err := os.ReadFile(filepath.Join(b.Root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	licences, err := notices(binary)
	if err != nil {
		return err
	}
	man, err := says(host, "man")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"usher.1.gz": man, "NEWS.gz": news, "third-party-licences.gz": licences,
		"changelog.gz": fmt.Appendf(nil, changelog, version, b.Version, b.Time.Format(time.RFC1123Z)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), squeezed(content), 0o644); err != nil {
			return err
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, err := says(host, "completion", shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "completion."+shell), script, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const changelog = `usher (%s) unstable; urgency=medium

  * Made of usher %s.
    What changed for those who run it is in NEWS.gz.

 -- The usher authors <usher@usher.example>  %s
`

// says is what usher prints.
func says(usher string, args ...string) ([]byte, error) {
	path, err := filepath.Abs(usher)
	if err != nil {
		return nil, err
	}
	c := exec.Command(path, args...)
	c.Dir = os.TempDir() // no usher.yaml counts
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %v, which must run on this machine: %w", usher, args, err)
	}
	return out, nil
}

// squeezed is gzip without a name and a time.
func squeezed(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}
