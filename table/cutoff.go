package table

import (
	"bytes"
	"io"
)

// CutOff tells whether a file lacks its end, or may lack it: a ZIP or Excel file
// without its directory, or text whose last line has no end. What else is packed shows
// it when it is unpacked.
func CutOff(f io.ReaderAt, size int64) bool {
	head := make([]byte, min(size, 4))
	if _, err := f.ReadAt(head, 0); err != nil {
		return true
	}
	tail := make([]byte, min(size, 66<<10))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return true
	}
	switch Packing(head) {
	case Zip:
		return !bytes.Contains(tail, magicEmptyZip)
	case Gzip, Zstd:
		return false
	}
	last := bytes.TrimRight(tail, "\x00 \t")
	return len(last) == 0 || !bytes.ContainsAny(last[len(last)-1:], "\n\r]}")
}
