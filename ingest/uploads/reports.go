package uploads

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/ingest"
	"usher/ingest/files"
	"usher/table"
)

// Import names a file that the watcher has dealt with.
type Import struct {
	ID, Inbox string
	File      string // its name, as the import's record has it
}

// Kinds of rows that came back.
const (
	RefusedRows = "refused"
	SkippedRows = "skipped"
)

// Most that is mended on a page; what is more is mended in the file.
const (
	MostMended  = 50      // rows
	mostFields  = 1000    // cells
	mostOfSheet = 1 << 20 // bytes
	mostReport  = 4 << 20 // bytes
)

// ErrNoFile is the error about a report, or rows, that are not in the watcher's folders.
var ErrNoFile = event.Permanent(errors.New("this is not in the watcher's folders: it may have been older than --keep-files, or there is none"))

// ErrMany is the error about more rows than are mended on a page.
var ErrMany = event.Permanent(errors.New("these are too many rows to be mended on a page; download them, mend them and upload that file"))

// open finds what lies in one of the watcher's folders about an import.
func (s *Store) open(i Import, ending string, folders ...string) (*os.File, error) {
	in, err := s.inbox(i.Inbox)
	if err != nil {
		return nil, err
	}
	name := i.ID + "-" + i.File + ending
	if _, err := ksuid.Parse(i.ID); err != nil || !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
		return nil, ErrNoFile
	}
	for _, folder := range folders {
		root, err := os.OpenRoot(filepath.Join(folder, in.Source))
		if err != nil {
			continue
		}
		f, _, err := files.OpenPlain(root, name)
		_ = root.Close() // only read
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, files.Reason(err)
		}
	}
	return nil, ErrNoFile
}

// Report is what became of a file; its error may be ErrNoFile.
func (s *Store) Report(i Import) (r ingest.Report, err error) {
	f, err := s.open(i, ".report.json", s.Archive, s.Refused)
	if err != nil {
		return r, err
	}
	defer f.Close()
	return r, json.NewDecoder(io.LimitReader(f, mostReport)).Decode(&r)
}

// Rows opens rows that came back; its error may be ErrNoFile.
func (s *Store) Rows(i Import, kind string) (*os.File, error) {
	if kind != RefusedRows && kind != SkippedRows {
		return nil, ErrNoFile
	}
	return s.open(i, "."+kind+".csv", s.Refused)
}

// Mendable are the refused rows of an import, when they are few; its error may be
// ErrMany or ErrNoFile.
func (s *Store) Mendable(i Import) (m table.Mendable, err error) {
	f, err := s.Rows(i, RefusedRows)
	if err != nil {
		return m, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return m, err
	} else if info.Size() > mostOfSheet {
		return m, ErrMany
	}
	m, err = table.ReadRefused(io.LimitReader(f, mostOfSheet), MostMended)
	if errors.Is(err, table.ErrManyRows) || len(m.Columns)*len(m.Rows) > mostFields {
		return m, ErrMany
	}
	return m, err
}

// Mended keeps mended rows as an upload, which is read as the import was.
func (s *Store) Mended(ctx context.Context, i Import, by string, rows table.Mendable) (Upload, error) {
	if len(rows.Rows) == 0 {
		return Upload{}, event.Permanent(errors.New("each row was left out, so there is nothing to send"))
	}
	var b bytes.Buffer
	if err := rows.Write(&b); err != nil {
		return Upload{}, err
	}
	name := strings.TrimSuffix(i.File, filepath.Ext(i.File)) + "-mended.csv"
	return s.Receive(ctx, Offer{File: name, Inbox: i.Inbox, By: by, Chosen: s.mappingOf(i)}, &b)
}

// mappingOf is what a person had said about the columns of an import.
func (s *Store) mappingOf(i Import) table.Mapping {
	r, err := s.Report(i)
	if err != nil {
		return nil
	}
	m := table.Mapping{}
	for _, c := range r.Columns {
		if c.Mapped() {
			m[c.Title] = c.As
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// Again keeps a copy of an import's file as an upload, to be imported although its
// content is known.
func (s *Store) Again(ctx context.Context, i Import, by string) (Upload, error) {
	f, err := s.open(i, "", s.Archive, s.Refused)
	if err != nil {
		return Upload{}, err
	}
	defer f.Close()
	return s.Receive(ctx, Offer{File: i.File, Inbox: i.Inbox, By: by, Known: true}, f)
}
