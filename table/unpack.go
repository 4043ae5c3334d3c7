package table

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What a file may be packed in.
const (
	Gzip = "gzip"
	Zstd = "zstd"
	Zip  = "zip"
)

// Caps of unpacking. A list of users shrinks to a twentieth at best; what
// shrinks to less than a two-hundredth is made to fill a disk.
const (
	maxRatio    = 200
	minUnpacked = 16 << 20 // bytes that any file may unpack to
	maxWindow   = 32 << 20 // bytes of memory that a zstd file may ask for
	maxEntries  = 10_000   // files in a ZIP that are looked at
)

var (
	magicZip      = []byte("PK\x03\x04")
	magicEmptyZip = []byte("PK\x05\x06") // begins a ZIP without a file, and the end of every other
	magicGzip     = []byte{0x1f, 0x8b}
	magicZstd     = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

const magicOLE = "\xd0\xcf\x11\xe0" // begins the compound files of old Office

// Packing tells by its first bytes what a file is packed in: Gzip, Zstd or Zip, ""
// when in nothing that usher unpacks. An Excel file is a Zip.
func Packing(head []byte) string {
	switch {
	case bytes.HasPrefix(head, magicGzip):
		return Gzip
	case bytes.HasPrefix(head, magicZstd):
		return Zstd
	case bytes.HasPrefix(head, magicZip), bytes.HasPrefix(head, magicEmptyZip):
		return Zip
	}
	return ""
}

// OldExcel tells by its first bytes an old Excel file (.xls), or one with a
// password.
func OldExcel(head []byte) bool { return bytes.HasPrefix(head, []byte(magicOLE)) }

// unpacked is the content of a packed file. Errors of the file itself are
// passed on as they are; those of what is in it are *fileErrors.
type unpacked struct {
	io.Reader
	close  func()
	source *source
	left   int64
}

// unpack opens what is in f.
func unpack(ctx context.Context, f *os.File, size int64, packed string) (*unpacked, error) {
	src := &source{ctx: ctx, ReaderAt: f}
	u := &unpacked{source: src, close: func() {}, left: max(minUnpacked, size*maxRatio)}
	var err error
	switch in := io.NewSectionReader(src, 0, size); packed {
	case Gzip:
		u.Reader, err = gzip.NewReader(in)
	case Zstd:
		var d *zstd.Decoder
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		u.Reader = d
		if err == nil {
			u.close = d.Close
		}
	case Zip:
		var r *zip.Reader
		if r, err = zip.NewReader(within{src, size}, size); err == nil {
			var entry *zip.File
			if entry, err = onlyEntry(r); err == nil {
				var e io.ReadCloser
				if e, err = entry.Open(); err == nil {
					u.Reader, u.close = e, func() { _ = e.Close() }
				}
			}
		}
	}
	if err != nil {
		return nil, u.translate(err)
	}
	return u, nil
}

// Read implements io.Reader.
func (u *unpacked) Read(p []byte) (int, error) {
	if int64(len(p)) > u.left+1 {
		p = p[:u.left+1]
	}
	n, err := u.Reader.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, Unusable("E_TOO_BIG", "the file unpacks to more than %d times its size; drop it unpacked if it is a list of users", maxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, u.translate(err)
	}
	return n, err
}

// translate tells an error of the disk from one of the content.
func (u *unpacked) translate(err error) error {
	var f *FileError
	switch {
	case u.source.err != nil:
		return u.source.err
	case errors.As(err, &f):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return Unusable("E_UNPACK", "the file needs more than 32 MB of memory to be unpacked; pack it with the usual settings of zstd")
	case errors.Is(err, zip.ErrAlgorithm):
		return Unusable("E_UNPACK", "the ZIP file is packed in a way that usher does not know; pack it with Deflate, or drop the file itself")
	}
	return Unusable("E_UNPACK", "the packed file is damaged or was cut off; copy it again")
}

// source reads a file and remembers why that failed.
type source struct {
	io.ReaderAt
	ctx context.Context
	err error
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	err := s.ctx.Err()
	if err == nil {
		var n int
		if n, err = s.ReaderAt.ReadAt(p, off); err == nil || errors.Is(err, io.EOF) {
			meter(s.ctx, n)
			return n, err
		}
	}
	s.err = err
	return 0, err
}

// within reads a file, and says of places outside of it that a damaged archive names them:
// the system's own error would look like one of the disk.
type within struct {
	io.ReaderAt
	size int64
}

var errOutside = errors.New("the archive names a place outside of itself")

// ReadAt implements io.ReaderAt.
func (w within) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > w.size {
		return 0, errOutside
	}
	return w.ReaderAt.ReadAt(p, off)
}

// onlyEntry is the one file in a ZIP; what macOS adds does not count.
func onlyEntry(r *zip.Reader) (*zip.File, error) {
	if len(r.File) > maxEntries {
		return nil, Unusable("E_FORMAT", "the ZIP file has more than %d files in it; drop the one with the users", maxEntries)
	}
	if d, is := documentIn(r); is {
		return nil, d.error()
	}
	var only *zip.File
	n := 0
	for _, e := range r.File {
		name := path.Base(e.Name)
		if e.FileInfo().IsDir() || strings.HasPrefix(e.Name, "__MACOSX/") || strings.HasPrefix(name, ".") {
			continue
		}
		n, only = n+1, e
	}
	switch {
	case n == 0:
		return nil, Unusable("E_EMPTY", "the ZIP file has no file in it; drop it again with the list of users")
	case n > 1:
		return nil, Unusable("E_FORMAT", "the ZIP file has %d files in it; drop each by itself", n)
	case only.Flags&1 != 0:
		return nil, Unusable("E_FORMAT", "the ZIP file has a password; drop the file without one")
	}
	return only, nil
}
