package console

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"usher/console/export"
)

// People leave as a file, in the order of their ids, some at a time: memory holds one
// page, however many they are, and who matches all the while is in the file once. A file
// that broke off goes on behind the last id that it has (after).

const (
	perExport   = 1000        // people of a page
	exportStall = time.Minute // for which a client may take nothing
)

var (
	errSince  = errors.New("since is a time such as 2026-11-30T09:00:00Z, or a day as YYYY-MM-DD")
	errFormat = export.ErrFormat
)

// wantedFile is what a file is to have.
type wantedFile struct {
	filter
	format, after, since string
	data                 bool
}

func wantedFileOf(q url.Values, data bool) (f wantedFile, err error) {
	q.Del("sort")
	q.Del("cursor")
	f = wantedFile{format: q.Get("format"), after: q.Get("after"), since: q.Get("since"), data: data}
	if f.filter, err = filterOf(q); err != nil {
		return f, err
	}
	f.Sort = sortByID
	if f.format == "" {
		f.format = export.Formats[0]
	}
	if !slices.Contains(export.Formats, f.format) {
		return f, errFormat
	}
	if f.after != "" {
		f.Cursor = cursor{sortByID, "", f.after}.String()
	}
	if f.since != "" {
		if f.From, err = time.Parse(time.RFC3339, f.since); err != nil {
			f.From, err = time.Parse(time.DateOnly, f.since)
		}
		if err != nil {
			return f, errSince
		}
	}
	return f, nil
}

func (k *Console) exportAPI(w http.ResponseWriter, r *http.Request) { k.exportFile(w, r, false) }

func (k *Console) exportDataAPI(w http.ResponseWriter, r *http.Request) { k.exportFile(w, r, true) }

func (k *Console) exportFile(w http.ResponseWriter, r *http.Request, data bool) {
	f, err := wantedFileOf(r.URL.Query(), data)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	users, next, err := k.model.users(r.Context(), f.filter, time.Now(), perExport) // what is wrong is found before the file begins
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	k.auditExport(r.Context(), "export", f, nil)
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}[f.format]
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="users.`+f.format+`"`)
	n, err := k.send(w, r, f, users, next)
	k.auditExport(context.WithoutCancel(r.Context()), "export-end", f, map[string]string{"rows": strconv.Itoa(n), "whole": strconv.FormatBool(err == nil)})
	if err != nil {
		if r.Context().Err() == nil && !errors.Is(err, errStopped) {
			k.tellable(err)
		}
		panic(http.ErrAbortHandler) // so that no one takes a part for the whole
	}
}

// send writes a file from its first page on, and returns how many rows it has.
func (k *Console) send(w http.ResponseWriter, r *http.Request, f wantedFile, users []User, next string) (n int, err error) {
	control := http.NewResponseController(w)
	buffer := bufio.NewWriterSize(w, 64<<10)
	out, err := export.NewWriter(buffer, f.format, f.data, f.after != "")
	if err != nil {
		return 0, err
	}
	for {
		if err := control.SetWriteDeadline(time.Now().Add(exportStall)); err != nil {
			return n, err
		}
		for _, u := range users {
			if err := out.Write(rowOf(u, f.data)); err != nil {
				return n, err
			}
			n++
		}
		if err := errors.Join(out.Flush(), buffer.Flush()); err != nil || next == "" {
			return n, err
		}
		if k.stopped() {
			return n, errStopped
		}
		f.Cursor = next
		if users, next, err = k.model.users(r.Context(), f.filter, time.Now(), perExport); err != nil {
			return n, err
		}
	}
}

// errStopped ends a file when its console stops; another one goes on with it.
var errStopped = errors.New("the console stops")

func (k *Console) stopped() bool {
	select {
	case <-k.stopping:
		return true
	default:
		return false
	}
}

func rowOf(u User, data bool) export.Row {
	row := export.Row{UserID: u.UserID, Status: string(u.Status), Since: u.Since, Inbox: u.Source, Import: u.Import, Line: u.Line, Generation: u.Generation}
	if data {
		row.Data = &export.Data{Name: u.Name, GivenName: u.GivenName, FamilyName: u.FamilyName, Email: u.Email, Phone: u.Phone, Locale: u.Locale, Attributes: u.Attributes, File: u.File, DecidedBy: u.DecidedBy}
	}
	return row
}

// auditExport records that people leave as a file. What was searched for is left out: it
// may name a person.
func (k *Console) auditExport(ctx context.Context, action string, f wantedFile, more map[string]string) {
	what := map[string]string{"format": f.format, "with_data": strconv.FormatBool(f.data)}
	for name, v := range map[string]string{"status": f.Status, "inbox": f.Source, "import": f.Import, "age": f.Age, "language": f.Language, "by": f.Decider, "bulk": f.Bulk, "since": f.since, "after": f.after} {
		if v != "" {
			what[name] = v
		}
	}
	if f.Q != "" {
		what["searched"] = "true"
	}
	for name, v := range more {
		what[name] = v
	}
	k.audit(ctx, action, whoIn(ctx).actor(), what)
}
