package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Variants of the image: with the servers of `usher up`, and without.
const (
	full = "full"
	slim = "slim"
)

// image writes the OCI image of binaries, by architecture, into a folder: as a layout
// and as an archive of it. It returns the archive's name.
func (b build) image(binaries map[string]string, variant, to string) (string, error) {
	if variant != full && variant != slim {
		return "", fmt.Errorf("-variant %q: say full or slim", variant)
	}
	base, err := b.layer(baseFiles())
	if err != nil {
		return "", err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	archs := make([]string, 0, len(binaries))
	for arch := range binaries {
		archs = append(archs, arch)
	}
	slices.Sort(archs)
	for _, arch := range archs {
		files, err := b.programFiles(binaries[arch])
		if err != nil {
			return "", err
		}
		program, err := b.layer(files)
		if err != nil {
			return "", err
		}
		one, err := b.oneImage(arch, variant, base, program)
		if err != nil {
			return "", err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: one, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	index = mutate.Annotations(index, b.labels(variant)).(v1.ImageIndex) // it keeps what it is

	name := filepath.Join(to, fmt.Sprintf("usher_%s_%s.oci", b.Version, variant))
	if err := os.RemoveAll(name); err != nil {
		return "", err
	}
	at, err := layout.Write(name, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return "", err
	}
	tag := b.Version
	if variant == slim {
		tag += "-slim"
	}
	if err := at.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": "docker.io/library/usher:" + tag, // podman and skopeo take the one, containerd and Docker the other
	})); err != nil {
		return "", err
	}
	return name + ".tar", b.archive(name, name+".tar")
}

// oneImage is the image of one architecture.
func (b build) oneImage(arch, variant string, layers ...v1.Layer) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var adds []mutate.Addendum
	for _, l := range layers {
		adds = append(adds, mutate.Addendum{Layer: l, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: b.Time}, CreatedBy: "deploy/ship"}})
	}
	img, err := mutate.Append(img, adds...)
	if err != nil {
		return nil, err
	}
	was, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	c := was.DeepCopy()
	c.Created, c.OS, c.Architecture, c.Config = v1.Time{Time: b.Time}, "linux", arch, runtimeConfig(variant, b.labels(variant))
	return mutate.ConfigFile(img, c)
}

// runtimeConfig is how a container of the image runs. The Dockerfile says the same.
func runtimeConfig(variant string, labels map[string]string) v1.Config {
	c := v1.Config{
		User: fmt.Sprintf("%d:%d", uid, uid), WorkingDir: "/data", Entrypoint: []string{"/usr/bin/usher"},
		Env:        []string{"PATH=/usr/bin", "HOME=/data", "USHER_DATA=/data"},
		Volumes:    map[string]struct{}{"/data": {}, "/tmp": {}},
		StopSignal: "SIGTERM", Labels: labels,
	}
	if variant == full {
		c.Cmd = []string{"up"}
	}
	return c
}

func (b build) labels(variant string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "usher",
		"org.opencontainers.image.description": "lists of users become welcomed users: " + map[string]string{full: "usher up with its servers, and all roles", slim: "roles and commands, without servers"}[variant],
		"org.opencontainers.image.version":     b.Version,
		"org.opencontainers.image.created":     b.Time.Format(time.RFC3339),
		"org.opencontainers.image.vendor":      "The usher authors",
	}
}

// uid is the user that a container runs as: no one on the host.
const uid = 65532

// file is one entry of a layer.
type file struct {
	name    string // without a slash before it
	mode    fs.FileMode
	owner   int // user and group
	content []byte
}

// baseFiles are those of every image, beside the program.
func baseFiles() []file {
	return []file{
		{name: "data/", mode: 0o750, owner: uid},
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nusher:x:%d:\n", uid)},
		{name: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\nusher:x:%d:%d:usher:/data:/sbin/nologin\n", uid, uid)},
		{name: "tmp/", mode: 0o777 | fs.ModeSticky},
	}
}

// programFiles are the program and the licences of what is linked into it.
func (b build) programFiles(binary string) ([]file, error) {
	text, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	licences, err := notices(binary)
	if err != nil {
		return nil, err
	}
	copyright, err := os.ReadFile(filepath.Join(b.Root, "deploy", "debian", "copyright"))
	if err != nil {
		return nil, err
	}
	return []file{
		{name: "usr/", mode: 0o755}, {name: "usr/bin/", mode: 0o755}, {name: "usr/bin/usher", mode: 0o755, content: text},
		{name: "usr/share/", mode: 0o755}, {name: "usr/share/doc/", mode: 0o755}, {name: "usr/share/doc/usher/", mode: 0o755},
		{name: "usr/share/doc/usher/copyright", mode: 0o644, content: copyright},
		{name: "usr/share/doc/usher/third-party-licences.gz", mode: 0o644, content: squeezed(licences)},
	}, nil
}

// root writes the files of an image into a folder, for a Dockerfile to copy. Only root
// can give them their owners.
func (b build) root(binary, to string) error {
	program, err := b.programFiles(binary)
	if err != nil {
		return err
	}
	for _, f := range append(baseFiles(), program...) {
		name := filepath.Join(to, filepath.FromSlash(f.name))
		if strings.HasSuffix(f.name, "/") {
			err = os.MkdirAll(name, 0o755)
		} else {
			err = os.WriteFile(name, f.content, 0o644)
		}
		if err == nil {
			err = os.Chmod(name, f.mode) // whatever the umask
		}
		if err == nil && os.Getuid() == 0 {
			err = os.Chown(name, f.owner, f.owner)
		}
		if err == nil {
			err = os.Chtimes(name, b.Time, b.Time)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// layer is a compressed layer of files, each with the build's time.
func (b build) layer(files []file) (v1.Layer, error) {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out) // without a name and a time
	w := tar.NewWriter(packed)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: int64(f.mode.Perm()), Uid: f.owner, Gid: f.owner, ModTime: b.Time, Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if f.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
}

// archive packs an OCI layout into one file, in one order and with one time.
func (b build) archive(dir, name string) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeDir, Name: filepath.ToSlash(inside) + "/", Mode: 0o755, ModTime: b.Time, Format: tar.FormatUSTAR}
		if d.IsDir() {
			return w.WriteHeader(h)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		h.Typeflag, h.Name, h.Mode, h.Size = tar.TypeReg, filepath.ToSlash(inside), 0o644, int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// digest is that of the image in a layout, by which registries name it.
func digest(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return "", err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(text, &index); err != nil {
		return "", err
	}
	if len(index.Manifests) != 1 {
		return "", fmt.Errorf("%s: %d images, want one", dir, len(index.Manifests))
	}
	return index.Manifests[0].Digest.String(), nil
}
