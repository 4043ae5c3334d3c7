package uploads

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"usher/disk"
	"usher/event"
	"usher/ingest"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// Offer is what is said of a file before its bytes come.
type Offer struct {
	File   string // as the person's machine names it
	Inbox  string
	By     string
	Known  bool          // it is imported even though its content is known
	Chosen table.Mapping // what its columns are; nil: as its inbox and its titles say
}

const (
	mostReceiving = 8         // files at once
	spare         = 512 << 20 // bytes that stay free on the disk
	lookAtDisk    = 32 << 20  // bytes between two looks at what is free
)

// The errors of Receive that a person can mend.
var (
	errFull  = event.Permanent(errors.New("there is no room for this file on the console's disk; drop it into the inbox itself, or try again when there is more room"))
	errMany  = event.Permanent(errors.New("too many files are being uploaded now; try again in a moment"))
	errEmpty = event.Permanent(errors.New("no file was chosen, or it is empty"))
)

// Receive keeps a file. What fails, or ends early with an error of from, leaves
// nothing. It is not looked at yet; see Step.
func (s *Store) Receive(ctx context.Context, o Offer, from io.Reader) (u Upload, err error) {
	in, err := s.inbox(o.Inbox)
	if err != nil {
		return u, err
	}
	name := SafeName(o.File)
	if ingest.IsSign(in, name) {
		return u, event.Permanent(fmt.Errorf("this is a sign that belongs to a file of the inbox %s; upload the file itself, the sign is made here", in.Source))
	}
	if err := s.begin(); err != nil {
		return u, err
	}
	u = Upload{ID: event.NewID(), File: name, Inbox: in.Source, By: o.By, At: time.Now().UTC(), Known: o.Known, Chosen: o.Chosen, State: Ready}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.receiving--
		if err == nil {
			idle := make(chan struct{})
			close(idle)
			s.of[u.ID] = &upload{Upload: u, last: time.Now(), idle: idle, stop: func() {}}
			s.count()
		}
	}()
	if err = s.root.Mkdir(u.ID, 0o700); err == nil {
		u.Bytes, u.Digest, err = s.keep(ctx, path.Join(u.ID, u.File), from)
	}
	if err != nil {
		s.Metrics.Uploads.WithLabelValues("failed").Inc()
		return Upload{}, errors.Join(files.Pathless(err), s.root.RemoveAll(u.ID))
	}
	s.Metrics.Uploads.WithLabelValues("received").Inc()
	s.Metrics.UploadBytes.Add(float64(u.Bytes))
	u.KnownAs = ingest.KnownAs(s.Archive, u.Inbox, u.Digest)
	return u, nil
}

// begin takes one of the places of files that are received at once. The one that was
// given to its inbox first makes room.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) >= mostUploads {
		var first *upload
		for _, u := range s.of {
			if u.State == Given && (first == nil || u.last.Before(first.last)) {
				first = u
			}
		}
		if first != nil {
			delete(s.of, first.ID)
		}
	}
	if s.receiving >= mostReceiving || len(s.of) >= mostUploads {
		return errMany
	}
	s.receiving++
	return nil
}

// keep writes a file to the disk, as far as there is room.
func (s *Store) keep(ctx context.Context, name string, from io.Reader) (size int64, digest string, err error) {
	to, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, "", err
	}
	sum := sha256.New()
	for err == nil && ctx.Err() == nil {
		if free, _, freeErr := disk.Free(s.Dir); freeErr == nil && free < spare {
			err = errFull
			break
		}
		var n int64
		n, err = io.CopyN(io.MultiWriter(to, sum), from, lookAtDisk)
		if size += n; err == nil && s.Most > 0 && size > s.Most {
			err = s.tooBig()
		}
	}
	switch {
	case errors.Is(err, io.EOF) && size == 0:
		err = errEmpty
	case errors.Is(err, io.EOF) && s.Most > 0 && size > s.Most:
		err = s.tooBig()
	case errors.Is(err, io.EOF):
		err = nil
	}
	return size, hex.EncodeToString(sum.Sum(nil)), errors.Join(err, ctx.Err(), to.Close())
}

func (s *Store) tooBig() error {
	return event.Permanent(fmt.Errorf("the file is larger than the %d MB that this console takes; drop it into the inbox itself", s.Most>>20))
}

// SafeName is a name under which a file of that name can be kept: one part of a path,
// of characters that can be shown, which no watcher leaves alone.
func SafeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.TrimLeft(files.Clean(name), ". ")
	switch {
	case name == "":
		return "upload"
	case inbox.Ignored(name), strings.HasPrefix(name, "-"):
		return "upload-" + name
	}
	return name
}
