package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/event"
)

func (r *rig) publish(subject string, v any) {
	r.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.js.Publish(context.Background(), subject, b); err != nil {
		r.Fatal(err)
	}
}

// The imports page shows how far each file is, why it waits, and how it ended,
// also of those of which nothing was published.
func TestImportsAreShownInWorkAndAtTheirEnd(t *testing.T) {
	r := newRig(t)
	r.run()
	at := time.Now().UTC()
	in := func(p event.Progress) event.Progress {
		p.Source, p.StartedAt, p.At = "inbox", at, at
		return p
	}
	r.publish(event.ProgressSubject("inbox", "i1"), in(event.Progress{Import: "i1", File: "huge.csv", State: event.ImportPublishing, Rows: 1000, Record: 100, Rate: 25, Left: 36}))
	r.publish(event.CheckpointSubject("inbox", "d1"), event.Checkpoint{FilePosition: event.FilePosition{Record: 250}, Import: "i1", File: "huge.csv", Source: "inbox", Published: 240, Refused: 10, Rows: 1000, StartedAt: at})
	r.publish(event.ProgressSubject("inbox", "i2"), in(event.Progress{Import: "i2", File: "bad.csv", State: event.ImportRefused, Code: "E_HEADER", Reason: "no column is known", Next: "Mend the file and drop it again."}))
	r.publish(event.ProgressSubject("inbox", "i3"), in(event.Progress{Import: "i3", File: "wait.csv", State: event.ImportWaiting, Reason: "the stream USERS is full"}))
	r.publish(event.ProgressSubject("canary", "i4"), event.Progress{Import: "i4", File: "canary.csv", Source: event.SourceCanary, State: event.ImportArchived})
	var imports []Import
	r.eventually("the imports are there", func() bool {
		var err error
		imports, err = r.console.model.imports(t.Context(), 10)
		return err == nil && len(imports) == 3
	})
	for _, i := range imports {
		if i.ID == "i1" && (i.Record != 250 || i.Percent != 25 || i.Done || i.Rate != 25) || i.ID == "i2" && (!i.Done || i.Code != "E_HEADER") || i.ID == "i3" && i.Work() {
			t.Errorf("%+v", i)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	_, body := page(t, c, "GET", r.base+"/imports", nil)
	for _, want := range []string{"huge.csv", "25 %", "25 rows/s", "36s left", "no column is known", "Mend the file", "the stream USERS is full", `http-equiv="refresh"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	r.publish(event.ProgressSubject("inbox", "i1"), in(event.Progress{Import: "i1", File: "huge.csv", State: event.ImportArchived, Rows: 1000, Record: 1000, Published: 990, Refused: 10, Errors: map[string]int{"E_QUOTE": 10}, Next: "Mend the rows"}))
	r.publish(event.ProgressSubject("inbox", "i3"), in(event.Progress{Import: "i3", File: "wait.csv", State: event.ImportDuplicate, DuplicateOf: "i1"}))
	r.eventually("all have ended", func() bool {
		imports, err = r.console.model.imports(t.Context(), 10)
		return err == nil && imports[0].Done && imports[1].Done && imports[2].Done
	})
	if _, body = page(t, c, "GET", r.base+"/imports", nil); !strings.Contains(body, "E_QUOTE 10") || !strings.Contains(body, "of import i1") || strings.Contains(body, "http-equiv") {
		t.Errorf("at the end:\n%s", body)
	}
}

// An import whose records are all published is shown so, also when an earlier
// version has left a word about it that says otherwise. A regression of issue 14.
func TestAnImportThatIsPublishedIsNotShownInWork(t *testing.T) {
	r := newRig(t)
	r.run()
	at := time.Now().UTC()
	r.publish(event.CheckpointSubject("inbox", "d1"), event.Checkpoint{FilePosition: event.FilePosition{Record: 3}, Import: "i1", File: "a.csv", Source: "inbox", Published: 3, Rows: 3, Done: true, StartedAt: at})
	r.publish(event.ProgressSubject("inbox", "i1"), event.Progress{Import: "i1", File: "a.csv", Source: "inbox", State: event.ImportPublishing, Rows: 3, Record: 3, Rate: 25, StartedAt: at, At: at})
	var imports []Import
	r.eventually("both are read", func() bool {
		_, seq, err := r.console.model.position(t.Context(), event.StreamUsers)
		if err != nil || seq != 2 {
			return false
		}
		imports, err = r.console.model.imports(t.Context(), 10)
		return err == nil && len(imports) == 1
	})
	if i := imports[0]; i.State != event.ImportArchived || !i.Done || i.Work() || i.Rate != 0 {
		t.Errorf("%+v", i)
	}
}

// A console that does not reach the watcher's folders says so, with what to do, and
// shows the files all the same.
func TestImportsWithoutTheFolders(t *testing.T) {
	r := newRig(t)
	r.run()
	at := time.Now().UTC()
	id := event.NewID()
	r.publish(event.ProgressSubject("inbox", id), event.Progress{Import: id, File: "people.csv", Source: "inbox", State: event.ImportArchived, Rows: 2, Published: 1, Refused: 1, Next: "Mend the rows.", UploadedBy: "ann", StartedAt: at, At: at})
	r.eventually("the import is there", func() bool {
		_, err := r.console.model.importOf(t.Context(), id)
		return err == nil
	})
	c := r.signed()
	for path, want := range map[string][]string{
		"/imports":       {"Files cannot be uploaded here", "--watch-data DIR", "people.csv", "uploaded by ann"},
		"/imports/" + id: {"people.csv", "uploaded by ann", "The whole report is in the watcher’s folder", "--watch-data DIR"},
	} {
		_, body := page(t, c, "GET", r.base+path, nil)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not show %q\n%s", path, w, body)
			}
		}
		if strings.Contains(body, "/mend") || strings.Contains(body, `type="file"`) {
			t.Errorf("%s offers what it cannot do\n%s", path, body)
		}
	}
	for method, path := range map[string]string{"POST": "/uploads", "GET": "/imports/" + id + "/rows/refused.csv"} {
		if resp, body := page(t, c, method, r.base+path, nil); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "does not reach the watcher") {
			t.Errorf("%s: %d\n%s", path, resp.StatusCode, body)
		}
	}
	if resp, _ := page(t, c, "GET", r.base+"/imports?import="+id, nil); resp.Request.URL.Path != "/imports/"+id && resp.Header.Get("Location") != "/imports/"+id {
		t.Errorf("an address of earlier pages: %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// A download is named as its file is, whatever that holds.
func TestDownloadsAreNamedSafely(t *testing.T) {
	for name, want := range map[string]string{
		"a.csv":                         `attachment; filename="a.csv"; filename*=UTF-8''a.csv`,
		"\"; filename=evil.exe\r\nX: y": `attachment; filename="___filename_evil.exe__X__y"; filename*=UTF-8''%22%3B%20filename%3Devil.exe%0D%0AX%3A%20y`,
		"Übersicht/../x":                `attachment; filename="_bersicht_.._x"; filename*=UTF-8''%C3%9Cbersicht%2F..%2Fx`,
	} {
		if got := attachment(name); got != want {
			t.Errorf("%q is named %s, want %s", name, got, want)
		}
	}
}
