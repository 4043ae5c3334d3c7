package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"usher/disk"
	"usher/event"
	"usher/ingest/files"
	"usher/table"
)

// What a person said about the columns of files with certain titles is on the stream,
// where any watcher finds it. An import keeps to what it found first, there and in the
// settings of its inbox: with another reading after a crash, rows could be neither
// published nor handed back.

// pinnedColumns lies in a claim whose columns are read as a person said.
const pinnedColumns = ".columns"

// savedColumns reads what was said about files of an inbox; nil is nothing.
func (p *publisher) savedColumns(ctx context.Context, source, fingerprint string) (table.Mapping, error) {
	body, seq, err := p.last(ctx, event.ColumnsSubject(source, fingerprint), "what was saved about the columns")
	if err != nil || seq == 0 {
		return nil, err
	}
	return ReadColumns(body), nil
}

// ReadColumns is the mapping in an event.SavedColumns; one that cannot be one is none.
func ReadColumns(data []byte) table.Mapping {
	var saved event.SavedColumns
	if json.Unmarshal(data, &saved) != nil || len(saved.Columns) == 0 || table.Mapping(saved.Columns).Check() != nil {
		return nil
	}
	return saved.Columns
}

// known is what is known of the columns of the file when it is taken.
func (j *job) known(ctx context.Context) table.Known {
	if b, err := j.claim.ReadFile(pinnedColumns); err == nil {
		var pinned table.Mapping
		if json.Unmarshal(b, &pinned) == nil {
			return table.Known{Saved: only(pinned)}
		}
	}
	found := map[string]table.Mapping{}
	return table.Known{Columns: j.in.Columns, Saved: func(fingerprint string) (m table.Mapping, err error) {
		m, asked := found[fingerprint]
		if !asked {
			m, err = j.publisher.savedColumns(ctx, j.in.Source, fingerprint)
		}
		if err == nil {
			found[fingerprint] = m
		}
		return m, err
	}}
}

// only is one mapping, whatever the titles.
func only(m table.Mapping) func(string) (table.Mapping, error) {
	return func(string) (table.Mapping, error) { return m, nil }
}

// pin keeps the import to what was said about its columns.
func (j *job) pin() error {
	if len(j.table.Mapping) == 0 {
		return nil
	}
	b, err := json.Marshal(j.table.Mapping)
	if err != nil {
		return err
	}
	return disk.Replace(j.claim, pinnedColumns, b, 0o640)
}

// ColumnsOf says what the columns of a file are taken for, without judging its rows.
// The error is a *table.FileError when it cannot be told; titles are there even then,
// when they were found.
func ColumnsOf(ctx context.Context, path string, in Inbox) (t table.File, err error) {
	return ColumnsIn(ctx, "", path, in)
}

// ColumnsIn is ColumnsOf with a folder for what has to be unpacked; "" is the system's
// one.
func ColumnsIn(ctx context.Context, scratch, path string, in Inbox) (t table.File, err error) {
	f, err := os.Open(path)
	if err != nil {
		return t, fmt.Errorf("%s: %w", path, files.Reason(err))
	}
	defer f.Close()
	tmp, err := os.MkdirTemp(scratch, "usher-columns-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(tmp)
	if t, err = table.Inspect(ctx, f, tmp, table.Known{Columns: in.Columns, Saved: in.Saved}); err != nil {
		return t, err
	}
	return t, t.Understand(ctx, f)
}
