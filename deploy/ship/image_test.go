package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// anImage is the slim image of usherBinary in a folder, which tests share. Both
// architectures have the same program: what is in it is not asked here.
var anImage = sync.OnceValues(func() (archive string, err error) {
	bin := os.Getenv("USHER_BINARY")
	if bin == "" {
		if bin, err = slimBinary(); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "usher-image")
	if err != nil {
		return "", err
	}
	made["image"] = filepath.Join(dir, "image")
	return build{Root: "../..", Version: "v0.1.0", Time: commitTime}.image(map[string]string{"amd64": bin, "arm64": bin}, slim, dir)
})

func sharedImage(t *testing.T) (archive string) {
	t.Helper()
	archive, err := anImage()
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// of is the image for an architecture in a layout.
func of(t *testing.T, archive, arch string) v1.Image {
	t.Helper()
	all, err := layout.ImageIndexFromPath(strings.TrimSuffix(archive, ".tar"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if a := m.Manifests[0].Annotations; a["org.opencontainers.image.ref.name"] != "v0.1.0-slim" || a["io.containerd.image.name"] != "docker.io/library/usher:v0.1.0-slim" {
		t.Errorf("it is named %v", a)
	}
	index, err := all.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = index.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	var archs []string
	for _, d := range m.Manifests {
		archs = append(archs, d.Platform.String())
		if d.Platform.Architecture == arch {
			img, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return img
		}
	}
	t.Fatalf("the index has %q, and none for %s", archs, arch)
	return nil
}

// entries are the files of an image as `tar -tv` would list them, without sizes.
func entries(t *testing.T, img v1.Image) (out []string, program []byte) {
	t.Helper()
	files := mutate.Extract(img)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out, program
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(commitTime) {
			t.Errorf("%s is of %s, want the build's time", h.Name, h.ModTime)
		}
		if h.Name == "usr/bin/usher" {
			if program, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, fmt.Sprintf("%s %04o %d:%d", strings.TrimSuffix(h.Name, "/"), h.Mode, h.Uid, h.Gid))
	}
}

func TestImageHoldsUsherAndLittleElse(t *testing.T) {
	archive := sharedImage(t)
	want, err := os.ReadFile(usherBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		img := of(t, archive, arch)
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c.OS != "linux" || c.Architecture != arch || c.Config.User != "65532:65532" || !slices.Equal(c.Config.Entrypoint, []string{"/usr/bin/usher"}) || len(c.Config.Cmd) > 0 || !c.Created.Time.Equal(commitTime) {
			t.Errorf("%s: %+v", arch, c)
		}
		if got := c.Config.Labels["org.opencontainers.image.version"]; got != "v0.1.0" {
			t.Errorf("its label says version %q", got)
		}
		files, program := entries(t, img)
		slices.Sort(files)
		if got := strings.Join(files, "\n"); got != strings.TrimSpace(imageFiles) {
			t.Errorf("it holds\n%s", got)
		}
		if !bytes.Equal(program, want) {
			t.Errorf("its program is not the one that was given: %d bytes of %d", len(program), len(want))
		}
	}
}

const imageFiles = `
data 0750 65532:65532
etc 0755 0:0
etc/group 0644 0:0
etc/passwd 0644 0:0
tmp 1777 0:0
usr 0755 0:0
usr/bin 0755 0:0
usr/bin/usher 0755 0:0
usr/share 0755 0:0
usr/share/doc 0755 0:0
usr/share/doc/usher 0755 0:0
usr/share/doc/usher/copyright 0644 0:0
usr/share/doc/usher/third-party-licences.gz 0644 0:0
`

// The same binary, version and time make the same image, in another folder and over one
// that is there already.
func TestImageIsReproducible(t *testing.T) {
	archive := sharedImage(t)
	first, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"usher_v0.1.0_slim.oci/blobs/sha256", "usher_v0.1.0_slim.oci/blobs/sha256/left"} { // of an earlier build
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	bin := usherBinary(t)
	again, err := build{Root: "../..", Version: "v0.1.0", Time: commitTime}.image(map[string]string{"arm64": bin, "amd64": bin}, slim, dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("two builds differ: %d and %d bytes", len(first), len(second))
	}
	one, err := digest(strings.TrimSuffix(archive, ".tar"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := digest(strings.TrimSuffix(again, ".tar"))
	if err != nil || one != other || !strings.HasPrefix(one, "sha256:") {
		t.Errorf("digests %s and %s, %v", one, other, err)
	}
}

// The Dockerfile makes the same files, and containers of it run the same way.
func TestDockerfileMakesTheSame(t *testing.T) {
	text, err := os.ReadFile("../image/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	head, last, found := strings.Cut(string(text), "\nFROM scratch AS slim\n")
	if !found || !strings.Contains(head, "FROM golang:"+strings.TrimPrefix(runtime.Version(), "go")+" AS build\n") || !strings.Contains(head, "go run -C deploy/ship . root -binary /usher") {
		t.Fatal("the Dockerfile has other stages, or another Go than this one")
	}
	got, stage := map[string]v1.Config{slim: {Volumes: map[string]struct{}{}, Labels: map[string]string{}}}, slim
	for line := range strings.Lines(last) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		c := got[stage]
		switch word {
		case "", "ARG":
			continue
		case "FROM":
			if rest != "slim AS full" {
				t.Errorf("a stage %q", rest)
			}
			stage = full
		case "COPY":
			if rest != "--from=build /image/ /" {
				t.Errorf("it copies %s", rest)
			}
		case "USER":
			c.User = rest
		case "WORKDIR":
			c.WorkingDir = rest
		case "ENV":
			c.Env = strings.Fields(rest)
		case "STOPSIGNAL":
			c.StopSignal = rest
		case "VOLUME":
			for _, v := range strings.Fields(rest) {
				c.Volumes[v] = struct{}{}
			}
		case "LABEL":
			for _, l := range strings.Fields(strings.ReplaceAll(rest, "$VERSION", "v0.1.0")) {
				key, value, _ := strings.Cut(l, "=")
				c.Labels[key] = value
			}
		case "ENTRYPOINT", "CMD":
			var words []string
			if err := json.Unmarshal([]byte(rest), &words); err != nil {
				t.Fatal(err)
			}
			if word == "CMD" {
				c.Cmd = words
			} else {
				c.Entrypoint = words
			}
		default:
			t.Errorf("this test does not know %s", word)
		}
		if word == "FROM" {
			c = got[slim]
		}
		got[stage] = c
	}
	b := build{Root: "../..", Version: "v0.1.0", Time: commitTime}
	for _, variant := range []string{slim, full} {
		want := runtimeConfig(variant, b.labels(variant))
		for key := range want.Labels { // the rest is of who builds
			if _, has := got[variant].Labels[key]; !has {
				delete(want.Labels, key)
			}
		}
		a, _ := json.Marshal(want)
		c, _ := json.Marshal(got[variant])
		if !bytes.Equal(a, c) {
			t.Errorf("%s: the Dockerfile says\n%s\nthe image\n%s", variant, c, a)
		}
	}

	dir := t.TempDir()
	if err := b.root(usherBinary(t), dir); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range strings.Fields(command(t, "find", dir, "-mindepth", "1", "-printf", "%P|%m|%U:%G\n")) {
		p := strings.Split(e, "|")
		owner := p[2]
		if os.Getuid() != 0 && p[0] == "data" { // only root gives it away
			owner = "65532:65532"
		} else if os.Getuid() != 0 {
			owner = "0:0"
		}
		files = append(files, fmt.Sprintf("%s %04s %s", p[0], p[1], owner))
	}
	slices.Sort(files)
	if got := strings.Join(files, "\n"); got != strings.TrimSpace(imageFiles) {
		t.Errorf("the Dockerfile copies\n%s", got)
	}
}
