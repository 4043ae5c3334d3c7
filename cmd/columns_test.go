package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/event"
	"usher/streams/streamstest"
	"usher/table"
)

// What is said about the columns of a file is kept for those with the same titles, is
// what `usher check` goes by, and is taken back. Issue 18.
func TestColumns(t *testing.T) {
	js, url := streamstest.Start(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	list := write("list.csv", "Erreichbar,Wer,a=b,Name\nann@example.org,Ann Lee,x,firm\n")
	same := write("same.csv", "Wer,Erreichbar,a=b,Name\nBob Poe,bob@example.org,y,firm\n")
	user := write("user.csv", "ann@example.org,Ann\nbob@example.org,Bob\n")
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"columns", list}, 1, `the titles are "Erreichbar", "Wer", "a=b", "Name"`},
		{[]string{"columns", list, "Nirgends=email"}, 2, `no column "Nirgends"; there are "Erreichbar", "Wer"`},
		{[]string{"columns", list, "Wer=nickname"}, 2, `cannot be taken for "nickname"`},
		{[]string{"columns", list, "Wer"}, 2, "write TITLE=MEANING"},
		{[]string{"columns", list, "Wer=name"}, 1, "the titles are"}, // and is not saved
		{[]string{"columns", user, "ann@example.org=email"}, 1, "are a user"},
		{[]string{"columns", list, "--rm"}, 1, "nothing was saved"},
		{[]string{"columns", list, "Erreichbar=email", "Wer=name"}, 0, `"Erreichbar": email, as the mapping says`},
		{[]string{"columns", list, "a=b=ignored"}, 0, `"a=b": ignored, as the mapping says`},
		{[]string{"columns", same}, 0, `"Erreichbar": email, as the mapping says`},
		{[]string{"check", same, "--rows", "1"}, 0, `"name":"Bob Poe","email":"bob@example.org"`},
		{[]string{"columns", list, "--source", "crm"}, 1, "the titles are"},
		{[]string{"columns", list, "--json"}, 0, `{"title":"a=b","as":"ignored","note":"as the mapping says"}`},
	} {
		code, out, errs := run(t, nil, append(tc.args, "--nats-url", url, "--data", dir)...)
		if code != tc.code || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%s: %d\n%s%s", tc.args, code, out, errs)
		}
	}
	s, err := js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	subject := event.ColumnsSubject("inbox", table.Fingerprint([]string{"Name", "Wer", "Erreichbar", "a=b"}))
	m, err := s.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	var saved event.SavedColumns
	if err := json.Unmarshal(m.Data, &saved); err != nil || len(saved.Columns) != 3 || saved.Actor == "" || m.Header.Get("Nats-TTL") != "never" {
		t.Errorf("%+v %v %v", saved, m.Header, err)
	}
	if code, out, errs := run(t, nil, "columns", same, "--rm", "--nats-url", url); code != 0 || !strings.Contains(out, "taken back") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if code, out, errs := run(t, nil, "columns", list, "--nats-url", url); code != 1 {
		t.Errorf("after --rm: %d\n%s%s", code, out, errs)
	}
	if code, out, errs := run(t, nil, "columns", list, "--data", filepath.Join(dir, "nothing")); code != 1 || !strings.Contains(errs, "is not known") {
		t.Errorf("without usher: %d\n%s%s", code, out, errs)
	}
}
