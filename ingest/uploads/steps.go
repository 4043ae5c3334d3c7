package uploads

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"usher/event"
	"usher/ingest"
	"usher/ingest/files"
	"usher/table"
)

// Order is what a person wants done with an upload.
type Order struct {
	Check  bool          // judge each row
	Import bool          // give it to the inbox: if its columns are sure, unless they were Seen
	Seen   bool          // the person has seen what its columns are taken for
	Known  bool          // import it even though its content is known
	Chosen table.Mapping // what its columns are; nil: as it was
}

// Step begins what a person wants done; Await waits for it. Its error is permanent when
// it cannot be begun now.
func (s *Store) Step(id string, o Order) error {
	if err := o.Chosen.Check(); err != nil {
		return event.Permanent(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.find(id)
	if err != nil {
		return err
	}
	switch {
	case u.State == Given:
		return event.Permanent(errors.New("this file is imported already"))
	case u.Busy():
		return event.Permanent(errors.New("something is being done with this file already; wait a moment"))
	}
	if o.Chosen != nil {
		u.Chosen, u.Checked = o.Chosen, false
	}
	u.Known = u.Known || o.Known
	st, turn := step{id: id, do: Looking}, s.looks
	switch {
	case o.Check:
		st.do, turn = Checking, s.checks
	case o.Import && o.Seen:
		st.do = Giving
	case o.Import:
		st.then = Giving
	}
	select {
	case turn <- st:
	default:
		return errMany
	}
	u.State, u.Problem, u.Progress, u.idle = st.do, "", event.Progress{}, make(chan struct{})
	return nil
}

// do does one step.
func (s *Store) do(ctx context.Context, st step) {
	s.mu.Lock()
	u, err := s.find(st.id)
	if err != nil { // discarded
		s.mu.Unlock()
		return
	}
	ctx, stop := context.WithTimeout(ctx, stepFor)
	defer stop()
	u.stop = stop
	now := u.Upload
	s.mu.Unlock()

	err = s.Guard.Do("a step of an upload", func() error {
		var err error
		switch st.do {
		case Looking:
			if err = s.look(ctx, &now, u); err == nil && st.then == Giving && now.Sure() {
				if err = s.giving(st.id); err == nil {
					err = s.give(&now)
				}
			}
		case Checking:
			err = s.check(ctx, &now, u)
		case Giving:
			err = s.give(&now)
		}
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.State != Given {
		now.State = Ready
	}
	now.Problem = s.say(ctx, st, err)
	u.Upload, u.last, u.stop = now, time.Now(), func() {}
	close(u.idle)
	s.count()
}

// giving makes sure that an upload is not discarded from here on.
func (s *Store) giving(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.find(id)
	if err == nil {
		u.State = Giving
	}
	return err
}

// say is what a person is told of an error.
func (s *Store) say(ctx context.Context, st step, err error) string {
	switch {
	case err == nil:
		return ""
	case event.IsPermanent(err):
		return err.Error()
	case errors.Is(err, ingest.ErrNotThere):
		return "The inbox cannot be reached: see under Imports what to do, and try again. The file is kept here meanwhile."
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("This took longer than %d minutes. Import the file: each row is judged there too before anything is published.", stepFor/time.Minute)
	case ctx.Err() != nil:
		return "This was stopped."
	}
	s.Log.Error("a step of an upload failed", "step", string(st.do), "error", files.Pathless(err))
	return "Something went wrong; the log says what. Try again."
}

// reading is the inbox as the upload is read: what its person said counts first, then
// what was saved for such titles, then the inbox's own.
func (s *Store) reading(ctx context.Context, u Upload) (ingest.Inbox, error) {
	in, err := s.inbox(u.Inbox)
	if err != nil {
		return in, err
	}
	saved, err := s.Columns.Saved(ctx, u.Inbox)
	if err != nil {
		return in, fmt.Errorf("what was saved about columns: %w", err)
	}
	in.Saved = func(fingerprint string) (table.Mapping, error) { return u.Chosen.Over(saved[fingerprint]), nil }
	return in, nil
}

// look tells what the columns are taken for.
func (s *Store) look(ctx context.Context, u *Upload, at *upload) error {
	in, err := s.reading(ctx, *u)
	if err != nil {
		return err
	}
	return s.lookAs(ctx, u, at, in)
}

// lookAs is look with what is known of columns.
func (s *Store) lookAs(ctx context.Context, u *Upload, at *upload, in ingest.Inbox) error {
	t, err := ingest.ColumnsIn(ctx, filepath.Dir(s.path(*u)), s.path(*u), in)
	r := ingest.Report{File: u.File, Source: u.Inbox, SHA256: t.Digest, Format: t.Describe(), Encoding: t.Encoding, Why: t.Why, Columns: t.Columns, Warnings: t.Warnings.All()}
	var refused *table.FileError
	if errors.As(err, &refused) {
		r.Code, r.Reason = refused.Code, refused.Text
	} else if err != nil {
		return err
	}
	if len(r.Columns) == 0 { // none was understood, and their person may say what they are
		for _, title := range t.Titles {
			r.Columns = append(r.Columns, table.Use{Title: title, As: "unknown"})
		}
	}
	u.Seen, u.Checked = &r, false
	s.mu.Lock()
	at.titles = t.Titles
	s.mu.Unlock()
	return nil
}

// check judges each row as an import would.
func (s *Store) check(ctx context.Context, u *Upload, at *upload) error {
	in, err := s.reading(ctx, *u)
	if err != nil {
		return err
	}
	if err := s.lookAs(ctx, u, at, in); err != nil { // for the titles
		return err
	}
	r, err := ingest.CheckIn(ctx, filepath.Dir(s.path(*u)), s.path(*u), in, s.Key, func(p event.Progress) {
		s.mu.Lock()
		at.Progress = p
		s.mu.Unlock()
	}, 0, nil)
	if err != nil {
		return err
	}
	if len(r.Columns) == 0 {
		r.Columns = u.Seen.Columns
	}
	s.Metrics.Uploads.WithLabelValues("checked").Inc()
	u.Seen, u.Checked = &r, true
	return nil
}

// give moves the file into the inbox.
func (s *Store) give(u *Upload) error {
	in, err := s.inbox(u.Inbox)
	if err != nil {
		return err
	}
	folder, err := s.root.OpenRoot(u.ID)
	if err != nil {
		return err
	}
	defer folder.Close()
	var columns table.Mapping
	if len(u.Chosen) > 0 {
		columns = u.Chosen.Over(s.before(*u)).Over(in.Columns)
	}
	u.Import, err = ingest.Give(folder, u.File, in, s.Key, ingest.Given{Digest: u.Digest, By: u.By, At: u.At, Columns: columns, Known: u.Known})
	if err != nil {
		return err
	}
	u.State = Given
	_ = s.root.RemoveAll(u.ID) // an empty folder; what stays is removed within an hour
	s.Metrics.Uploads.WithLabelValues("imported").Inc()
	return nil
}

// before is what was known of the columns when its person saw them.
func (s *Store) before(u Upload) table.Mapping {
	m := table.Mapping{}
	for _, c := range u.Seen.Columns {
		if c.Mapped() {
			m[c.Title] = c.As
		}
	}
	return m
}

// Keep saves what the person of an upload said about its columns for all files of its
// inbox with the same titles. Its error is permanent when that cannot be kept.
func (s *Store) Keep(ctx context.Context, id, by string) error {
	s.mu.Lock()
	u, err := s.find(id)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	titles, now := u.titles, u.Upload
	s.mu.Unlock()
	if len(now.Chosen) == 0 || titles == nil {
		return event.Permanent(errors.New("nothing was said about its columns that could be kept"))
	}
	if slices.ContainsFunc(titles, func(t string) bool { return strings.Contains(t, "@") }) {
		return event.Permanent(errors.New("the titles of this file are a user, and would be kept for ever; put a line with the names of the columns above it"))
	}
	saved, err := s.Columns.Saved(ctx, now.Inbox)
	if err != nil {
		return err
	}
	fingerprint := table.Fingerprint(titles)
	return s.Columns.Save(ctx, event.SavedColumns{Source: now.Inbox, Fingerprint: fingerprint, Titles: titles, Columns: now.Chosen.Over(saved[fingerprint]), Actor: by})
}
