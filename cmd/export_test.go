package cmd

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A stream that breaks off in the middle of a row goes on behind the last whole one, and
// the file is as if it had not. A refusal is told at once.
func TestAnExportThatBreaksOffGoesOn(t *testing.T) {
	var asked []string
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		if r.Header.Get("Authorization") != "Bearer usher_x" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":"your role (viewer) does not allow this","status":403}`)
			return
		}
		row := `{"user_id":"%s","status":"waiting","since":"2026-11-30T09:00:00Z","inbox":"hr","import":"i","line":2,"generation":1}` + "\n"
		switch r.URL.Query().Get("after") {
		case "":
			fmt.Fprintf(w, row+row, "-1", "u-2")
			fmt.Fprint(w, `{"user_id":"u-3","sta`)
			_ = http.NewResponseController(w).Flush() // the command notices
			panic(http.ErrAbortHandler)
		case "u-2":
			fmt.Fprintf(w, row, "u-3")
		}
	}))
	t.Cleanup(console.Close)
	want := "user_id,status,since,inbox,import,line,generation\n'-1,waiting,2026-11-30T09:00:00Z,hr,i,2,1\nu-2,waiting,2026-11-30T09:00:00Z,hr,i,2,1\nu-3,waiting,2026-11-30T09:00:00Z,hr,i,2,1\n"
	code, out, errs := run(t, nil, "export", "--console-url", console.URL, "--token", "usher_x", "--status", "waiting")
	if code != 0 || out != want || errs != "3 people\n" {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	if len(asked) != 2 || asked[1] != "u-2" {
		t.Errorf("asked for what is behind %q", asked)
	}
	if code, out, errs := run(t, nil, "export", "--console-url", console.URL, "--token", "other", "--with-data"); code != 1 || strings.Contains(out, "u-2") || !strings.Contains(errs, "the console says: your role (viewer) does not allow this") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
}

// full is an output that takes so many bytes.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		n := f.left
		f.left = 0
		return n, errors.New("no space left on device")
	}
	f.left -= len(b)
	return len(b), nil
}

// When the output cannot be written, nothing is said that would leave people out.
func TestAnExportIntoAFullDisk(t *testing.T) {
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 5000 {
			fmt.Fprintf(w, `{"user_id":"u-%d","status":"waiting","since":"2026-11-30T09:00:00Z","inbox":"hr","import":"i","line":2,"generation":1}`+"\n", i)
		}
	}))
	t.Cleanup(console.Close)
	var errs strings.Builder
	code := Run(t.Context(), Main{Version: "test"}, []string{"export", "--console-url", console.URL, "--token", "usher_x"}, strings.NewReader(""), &full{left: 100_000}, &errs)
	if code != 1 || !strings.Contains(errs.String(), "ends in the middle: no space left on device") || strings.Contains(errs.String(), "--after") || strings.Count(errs.String(), "no space") != 1 {
		t.Errorf("%d\n%s", code, errs.String())
	}
}
