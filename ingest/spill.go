package ingest

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"usher/event"
)

// entry is 16 bytes that are sorted by key, low and tail.
type entry struct {
	key       uint64
	low, tail uint32
}

func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.low, b.low), cmp.Compare(a.tail, b.tail))
}

const (
	entrySize     = 16
	defaultHeld   = 1 << 18 // Config.Held
	spillParts    = 64
	spillBuffered = 16 << 10 // bytes of each part
)

// spill sorts more entries than memory should hold. What is too much goes to
// files, divided by key, so that each of them can be sorted by itself. It is for
// one goroutine.
type spill struct {
	path   string // of the files, without their number
	most   uint64 // the greatest key
	held   []entry
	files  []*os.File
	writer []*bufio.Writer
	limit  int // of held
	fault  event.Fault
}

// spill sorts entries with keys up to most. Files are made only when they are
// needed, in the job's scratch folder.
func (j *job) spill(name string, most uint64) *spill {
	return &spill{path: j.scratch(name), most: most, limit: cmp.Or(j.Held, defaultHeld), fault: j.Fault}
}

func (s *spill) add(e entry) error {
	s.held = append(s.held, e)
	if len(s.held) < s.limit {
		return nil
	}
	return s.flush()
}

// part is the file of a key: keys in order are in files in order.
func (s *spill) part(key uint64) int {
	return int(min(key/(s.most/spillParts+1), spillParts-1))
}

func (s *spill) flush() error {
	if s.files == nil {
		if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
			return err
		}
	}
	for len(s.files) < spillParts {
		f, err := os.OpenFile(s.path+strconv.Itoa(len(s.files)), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		s.files, s.writer = append(s.files, f), append(s.writer, bufio.NewWriterSize(f, spillBuffered))
	}
	var b [entrySize]byte
	for _, e := range s.held {
		binary.LittleEndian.PutUint64(b[:], e.key)
		binary.LittleEndian.PutUint32(b[8:], e.low)
		binary.LittleEndian.PutUint32(b[12:], e.tail)
		if _, err := s.writer[s.part(e.key)].Write(b[:]); err != nil {
			return err
		}
	}
	s.held = s.held[:0]
	s.fault.At("ingest.spilled")
	return nil
}

// sorted calls each with all entries in order, some at a time. Nothing may be
// added afterwards.
func (s *spill) sorted(each func([]entry) error) error {
	if s.files == nil {
		slices.SortFunc(s.held, compareEntries)
		return each(s.held)
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.held = nil
	for i, f := range s.files {
		if err := s.writer[i].Flush(); err != nil {
			return err
		}
		s.fault.At("ingest.sorting")
		part, err := readEntries(f)
		if err != nil {
			return err
		}
		slices.SortFunc(part, compareEntries)
		if err := each(part); err != nil {
			return err
		}
	}
	return nil
}

func readEntries(f *os.File) ([]entry, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	part := make([]entry, 0, size/entrySize)
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 256<<10)
	var b [entrySize]byte
	for range size / entrySize {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, err
		}
		part = append(part, entry{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])})
	}
	return part, nil
}

// remove lets go of everything. There may be nothing.
func (s *spill) remove() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close(), os.Remove(f.Name()))
	}
	s.files, s.writer, s.held = nil, nil, nil
	return errors.Join(errs...)
}
