package doctor

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Files of a bundle.
const (
	bundleFacts  = "facts.json"
	bundleReport = "report.txt"
)

// mostFacts bounds what is read of a bundle, which may come from anywhere.
const mostFacts = 16 << 20

// File is one more for a bundle: text, which is cleaned.
type File struct {
	Name string
	Text string
}

// WriteBundle writes the facts, the report that they make, and more files into an
// archive. hide is what the texts must not have.
func WriteBundle(path string, f Facts, hide []string, more ...File) (err error) {
	facts, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	var report bytes.Buffer
	if err := Judge(f).Text(&report); err != nil {
		return err
	}
	clean := newCleaner(hide)
	files := []File{{bundleFacts, string(facts)}, {bundleReport, report.String()}} // clean already, line by line
	for _, x := range more {
		files = append(files, File{x.Name, clean.text(x.Text)})
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(path) // what is half written is of no use
		}
	}()
	packed := gzip.NewWriter(out)
	archive := tar.NewWriter(packed)
	for _, x := range files {
		head := tar.Header{Name: x.Name, Mode: 0o600, Size: int64(len(x.Text)), ModTime: f.Taken.Truncate(time.Second), Format: tar.FormatPAX}
		if err := archive.WriteHeader(&head); err != nil {
			return err
		}
		if _, err := io.WriteString(archive, x.Text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Close(), out.Sync())
}

// ReadBundle returns the facts of an archive.
func ReadBundle(path string) (f Facts, err error) {
	in, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer in.Close()
	none := errors.New("this is no bundle of usher doctor")
	packed, err := gzip.NewReader(in)
	if err != nil {
		return f, none
	}
	archive := tar.NewReader(packed)
	for {
		head, err := archive.Next()
		if err != nil {
			return f, none
		}
		if head.Name != bundleFacts {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(archive, mostFacts))
		if err != nil {
			return f, none
		}
		if err := json.Unmarshal(b, &f); err != nil {
			return f, fmt.Errorf("the bundle cannot be read: %w", err)
		}
		if f.Format != format {
			return f, fmt.Errorf("the bundle has the form %d, and this usher reads form %d: read it with usher %s", f.Format, format, f.Version)
		}
		maps.DeleteFunc(f.NATS.Streams, func(_ string, i *jetstream.StreamInfo) bool { return i == nil }) // no look writes such
		maps.DeleteFunc(f.NATS.Consumers, func(_ string, i *jetstream.ConsumerInfo) bool { return i == nil })
		return f, nil
	}
}
