package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/console/logins"
	"usher/event"
)

// A file goes through here as it comes, in small pieces: it is never in memory as a
// whole, and a browser that stands still loses its place.
const (
	mostUpload  = 1 << 50 // bytes of one request; what one file may have, the intake says
	mostParts   = 100     // of one request
	mostField   = 1 << 10 // bytes
	stallFor    = time.Minute
	waitForStep = 3 * time.Second // of a page; what takes longer is shown as it goes on
)

// plainly is an error whose text a person may read, because the intake made it for them.
type plainly struct{ error }

func (t plainly) Unwrap() error { return t.error }

// tell marks what the intake says to people.
func tell(err error) error {
	if event.IsPermanent(err) {
		return plainly{err}
	}
	return err
}

// withIntake lets a handler run where the console reaches the watcher's folders.
func withIntake(handle func(*Console, http.ResponseWriter, *http.Request)) func(*Console, http.ResponseWriter, *http.Request) {
	return func(k *Console, w http.ResponseWriter, r *http.Request) {
		if k.Intake == nil {
			k.fail(w, r, plainly{errNoIntake})
			return
		}
		handle(k, w, r)
	}
}

// patient is a body that may take as long as it likes, as long as something comes.
type patient struct {
	io.ReadCloser
	c *http.ResponseController
}

func (p patient) Read(b []byte) (int, error) {
	_ = p.c.SetReadDeadline(time.Now().Add(stallFor)) // fails only with a connection that fails anyway
	return p.ReadCloser.Read(b)
}

// uploadForm receives files, and begins with each what its button says.
func (k *Console) uploadForm(w http.ResponseWriter, r *http.Request) {
	r.Body = patient{r.Body, http.NewResponseController(w)}
	files, do, err := k.receive(r)
	if err != nil {
		for _, u := range files { // the person is told that nothing came of it
			_ = k.Intake.Discard(u.ID) // what stays is removed within an hour
		}
		k.failUpload(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), waitForStep)
	defer cancel()
	for i, u := range files {
		k.auditUpload(r, "upload", u)
		if files[i], err = k.Intake.Step(ctx, u.ID, Step{Check: do == "check", Import: do == "import"}); err != nil {
			k.failUpload(w, r, tell(err))
			return
		}
	}
	to := "/uploads/" + files[0].ID
	if len(files) > 1 {
		k.sessions.Put(r.Context(), "message", fmt.Sprintf("%d files were uploaded.", len(files)))
		to = "/imports"
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"location": k.site.at(to)})
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// receive reads a form with files; the field inbox stands before them.
func (k *Console) receive(r *http.Request) (files []Upload, do string, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, "", plainly{errors.New("the form has no file in it")}
	}
	inbox := ""
	for range mostParts {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			if len(files) == 0 {
				return nil, "", plainly{errors.New("choose a file first")}
			}
			return files, do, nil
		}
		if err != nil {
			return files, "", broken(r, err)
		}
		switch name := p.FormName(); {
		case name == "inbox" || name == "do":
			value, err := io.ReadAll(io.LimitReader(p, mostField))
			if err != nil {
				return files, "", broken(r, err)
			}
			if name == "do" {
				do = string(value)
			} else {
				inbox = string(value)
			}
		case name == "file" && p.FileName() != "":
			u, err := k.receiveFile(r, inbox, p)
			if err != nil {
				return files, "", err
			}
			files = append(files, u)
		}
	}
	return files, "", plainly{errors.New("too many files at once")}
}

func (k *Console) receiveFile(r *http.Request, inbox string, p *multipart.Part) (Upload, error) {
	if !sightOf(r.Context()).sees(inbox) {
		return Upload{}, plainly{errors.New("you are signed in for other inboxes than this one")}
	}
	u, err := k.Intake.Receive(r.Context(), Offer{File: p.FileName(), Inbox: inbox, By: whoAsks(r).actor()}, p)
	if err == nil || event.IsPermanent(err) {
		return u, tell(err)
	}
	return u, broken(r, err)
}

// broken tells an upload that ended early from a fault of usher's own.
func broken(r *http.Request, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || r.Context().Err() != nil || strings.Contains(err.Error(), "timeout") || strings.Contains(err.Error(), "connection reset") {
		return plainly{errors.New("the upload broke off; nothing of it was kept, so send it again")}
	}
	return err
}

func (k *Console) failUpload(w http.ResponseWriter, r *http.Request, err error) {
	if wantsJSON(r) {
		k.refuse(w, r, err)
		return
	}
	k.fail(w, r, err)
}

// auditUpload records what someone did with a file. Its name is left out: it may name a
// person.
func (k *Console) auditUpload(r *http.Request, action string, u Upload) {
	k.audit(r.Context(), action, whoAsks(r).actor(), map[string]string{"upload": u.ID, "source": u.Inbox, "sha256": u.Digest, "bytes": strconv.FormatInt(u.Bytes, 10)})
}

// uploadOf is the upload that a request is about; one of an inbox that the one who asks
// does not see is not there.
func (k *Console) uploadOf(r *http.Request) (Upload, error) {
	u, err := k.Intake.Upload(r.PathValue("upload"))
	if err == nil && !sightOf(r.Context()).sees(u.Inbox) {
		err = event.Permanent(errors.New("there is no such upload"))
	}
	return u, tell(err)
}

// uploadPage shows an upload until its import is known.
func (k *Console) uploadPage(w http.ResponseWriter, r *http.Request) {
	u, err := k.uploadOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	if u.Import != "" {
		if _, err := k.model.importOf(r.Context(), u.Import); err == nil {
			http.Redirect(w, r, "/imports/"+u.Import, http.StatusSeeOther)
			return
		}
	}
	ask := u.Unsure || u.Chosen || r.URL.Query().Get("columns") != ""
	told := u.Seen
	if told != nil && ask { // the columns stand in the form
		without := *told
		without.Columns, told = nil, &without
	}
	k.show(w, r, http.StatusOK, "upload", map[string]any{
		"Title": "Upload", "U": u, "Good": good(u), "Columns": columnsOf(u), "Ask": ask, "Told": told,
		"Importable": u.Seen != nil && (u.Seen.Code == "" || ask && u.Unsure), "Refresh": u.Busy || u.Import != "",
		"Message": k.sessions.PopString(r.Context(), "message"),
	})
}

// good is how many rows an import would publish.
func good(u Upload) int {
	if u.Seen == nil || u.Seen.Code != "" {
		return 0
	}
	return u.Seen.Rows - u.Seen.Refused - u.Seen.Skipped
}

// askedColumn is a column as a person may say what it is.
type askedColumn struct {
	Column
	Options []meant
}

type meant struct {
	Value, Text string
	Chosen      bool
}

// noteMapped is beside columns of which a person said what they are, as reports have it.
const noteMapped = "as the mapping says"

func columnsOf(u Upload) (out []askedColumn) {
	if u.Seen == nil {
		return nil
	}
	for _, c := range u.Seen.Columns {
		a := askedColumn{Column: c, Options: []meant{{"", "as usher reads it", c.Note != noteMapped}}}
		for _, m := range meanings {
			a.Options = append(a.Options, meant{m, m, c.Note == noteMapped && c.As == m})
		}
		out = append(out, a)
	}
	return out
}

// chosen are the columns that a form says something about; nil when it has none of
// these fields.
func chosen(r *http.Request, u Upload) map[string]string {
	if r.PostFormValue("columns") == "" || u.Seen == nil {
		return nil
	}
	m := map[string]string{}
	for i, c := range u.Seen.Columns {
		if v := r.PostFormValue("c" + strconv.Itoa(i)); slices.Contains(meanings, v) {
			m[c.Title] = v
		}
	}
	return m
}

// uploadStep does what a button of an upload's page says.
func (k *Console) uploadStep(w http.ResponseWriter, r *http.Request) {
	u, err := k.uploadOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	do := r.PostFormValue("do")
	if do == "discard" {
		if err := k.Intake.Discard(u.ID); err != nil {
			k.fail(w, r, tell(err))
			return
		}
		k.auditUpload(r, "upload-discard", u)
		k.sessions.Put(r.Context(), "message", "The upload was discarded; nothing of it was imported.")
		http.Redirect(w, r, "/imports", http.StatusSeeOther)
		return
	}
	if u.By != whoAsks(r).actor() { // who shapes records stands in them, and may not be one of two who approve them
		k.fail(w, r, plainly{fmt.Errorf("%s has brought this file, and only the same person can go on with it; to import it yourself, bring it yourself", u.By)})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), waitForStep)
	defer cancel()
	columns := chosen(r, u)
	if columns != nil && do != "check" { // they are looked at before anything rests on them
		if u, err = k.Intake.Step(ctx, u.ID, Step{Columns: columns}); err == nil && r.PostFormValue("keep") != "" && u.Problem == "" && !u.Busy {
			err = k.keepColumns(r, u)
		}
	}
	switch {
	case err != nil:
	case do == "check":
		_, err = k.Intake.Step(ctx, u.ID, Step{Check: true, Columns: columns})
	case do == "import" && !u.Busy && u.Problem == "" && u.Seen != nil && u.Seen.Code == "":
		if u, err = k.Intake.Step(ctx, u.ID, Step{Import: true, Seen: true, Known: r.PostFormValue("known") != ""}); err == nil {
			k.auditUpload(r, "upload-import", u)
		}
	}
	if err != nil {
		k.fail(w, r, tell(err))
		return
	}
	to := "/uploads/" + u.ID
	if do == "columns" {
		to += "?columns=yes"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// keepColumns saves what was said about columns for other files with these titles.
func (k *Console) keepColumns(r *http.Request, u Upload) error {
	// A client that goes away now must not leave what is in no record.
	stored, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	if err := k.Intake.Keep(stored, u.ID, whoAsks(r).actor()); err != nil {
		return tell(err)
	}
	k.auditUpload(r, "columns", u)
	k.sessions.Put(r.Context(), "message", "What you said about the columns is kept for files of the inbox "+u.Inbox+" with the same titles.")
	return nil
}

// uploadRoutes are those about files that people bring.
func uploadRoutes() []route {
	return []route{
		{method: "POST", path: "/uploads", right: logins.Operate, handle: withIntake((*Console).uploadForm), body: mostUpload},
		{method: "GET", path: "/uploads/{upload}", right: logins.Operate, handle: withIntake((*Console).uploadPage)},
		{method: "POST", path: "/uploads/{upload}", right: logins.Operate, handle: withIntake((*Console).uploadStep)},
		{method: "GET", path: "/imports/{import}", right: logins.See, handle: (*Console).importPage},
		{method: "GET", path: "/imports/{import}/rows/{kind}", right: logins.Operate, handle: withIntake((*Console).rowsFile)},
		{method: "GET", path: "/imports/{import}/mend", right: logins.Operate, handle: withIntake((*Console).mendPage)},
		{method: "POST", path: "/imports/{import}/mend", right: logins.Operate, handle: withIntake((*Console).mendForm), body: mostMended},
		{method: "POST", path: "/imports/{import}/again", right: logins.Operate, handle: withIntake((*Console).againForm)},
	}
}
