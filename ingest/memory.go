package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// What earlier files of an inbox were like decides about the next one, so it is kept
// on the stream, where no crash loses it and another watcher finds it.

// Bounds of the memory of one inbox.
const (
	usedTo     = 5  // files that ended in a line end before one that does not is held
	mostEnds   = 10 // files of the same titles that are remembered
	mostTitles = 16 // sets of titles that are remembered, the latest ones
)

// memory is what is kept about the files of one inbox. It names no person.
type memory struct {
	Last   lastFile           `json:"last"`             // the last file that was archived
	Titles map[string]*titled `json:"titles,omitempty"` // by the fingerprint of the columns

	seq uint64 // of the message, 0 when there is none
}

// lastFile is how many rows a file had.
type lastFile struct {
	Import string `json:"import"`
	Rows   int    `json:"rows"`
}

// titled are the last files with the same titles, the latest last.
type titled struct {
	Files []fileEnd `json:"files"`
	At    time.Time `json:"at"`
}

// fileEnd is how one file ended.
type fileEnd struct {
	Import string `json:"import"`
	Line   bool   `json:"line_end"`
}

// allEnded is how many files with these titles are remembered when all of them ended
// in a line end, else 0.
func (m memory) allEnded(titles string) int {
	t := m.Titles[titles]
	if t == nil || slices.ContainsFunc(t.Files, func(e fileEnd) bool { return !e.Line }) {
		return 0
	}
	return len(t.Files)
}

// add remembers a file and reports whether that tells anything new. The same import
// is remembered once.
func (m *memory) add(titles string, file lastFile, end ending, now time.Time) (news bool) {
	if m.Last != file && file.Rows > 0 {
		m.Last, news = file, true
	}
	if end == endUnknown {
		return news
	}
	t := m.Titles[titles]
	if t == nil {
		t = &titled{}
		if m.Titles == nil {
			m.Titles = map[string]*titled{}
		}
		m.Titles[titles] = t
	}
	line := end == endLine
	if slices.ContainsFunc(t.Files, func(e fileEnd) bool { return e.Import == file.Import }) {
		return news
	}
	if len(t.Files) == mostEnds && !slices.ContainsFunc(t.Files, func(e fileEnd) bool { return e.Line != line }) {
		return news
	}
	t.Files = append(t.Files, fileEnd{file.Import, line})
	t.Files, t.At = t.Files[max(0, len(t.Files)-mostEnds):], now
	for len(m.Titles) > mostTitles {
		oldest := ""
		for name, t := range m.Titles {
			if oldest == "" || t.At.Before(m.Titles[oldest].At) {
				oldest = name
			}
		}
		delete(m.Titles, oldest)
	}
	return true
}

// memories are those of all inboxes. It is safe for concurrent use.
type memories struct {
	*publisher

	mu sync.Mutex // held while one is stored, so that imports of this process do not race
}

// of reads the memory of an inbox.
func (ms *memories) of(ctx context.Context, source string) (m memory, err error) {
	body, seq, err := ms.last(ctx, event.InboxSubject(source), "what earlier files of the inbox were like")
	if err != nil || seq == 0 {
		return m, err
	}
	_ = json.Unmarshal(body, &m) // one that cannot be read is learned again
	m.seq = seq
	return m, nil
}

// remember adds a file that was imported. Another watcher that does so at the same
// time is found by the sequence of the message.
func (ms *memories) remember(ctx context.Context, source, titles string, file lastFile, end ending) error {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for tries := 0; ; tries++ {
		m, err := ms.of(ctx, source)
		if err != nil || !m.add(titles, file, end, time.Now().UTC()) {
			return err
		}
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		msg := nats.NewMsg(event.InboxSubject(source))
		msg.Data = data
		msg.Header.Set("Nats-Rollup", "sub")
		msg.Header.Set("Nats-TTL", "never")
		msg.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(m.seq, 10))
		_, err = ms.js.PublishMsg(ctx, msg)
		var refused *jetstream.APIError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && event.Overtaken(int(refused.ErrorCode)) && tries < 10: // or the copy that was read is behind
			if !event.Sleep(ctx, event.Doubling(10*time.Millisecond, 640*time.Millisecond, tries)) {
				return ctx.Err()
			}
		default:
			return fmt.Errorf("store what this file was like: %w", err)
		}
	}
}

// remember keeps what this file was like. The refused rows of an earlier one, which
// come back mended, are fewer by nature.
func (j *job) remember(ctx context.Context) error {
	file := lastFile{Import: j.report.Import}
	if j.in.Shrink > 0 && !j.returned {
		file.Rows = j.report.Rows
	}
	if j.end == endUnknown && file.Rows == 0 {
		return nil
	}
	return j.memories.remember(ctx, j.in.Source, j.titles, file, j.end)
}
