package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/xuri/excelize/v2"

	"usher/event"
	"usher/table"
)

// saveColumns says what the columns of files with certain titles are.
func (r *rig) saveColumns(columns table.Mapping, titles ...string) {
	r.Helper()
	saved := event.SavedColumns{Source: "inbox", Fingerprint: table.Fingerprint(titles), Titles: titles, Columns: columns, Actor: "somebody", At: time.Now()}
	data, err := json.Marshal(saved)
	if err != nil {
		r.Fatal(err)
	}
	m := nats.NewMsg(saved.Subject())
	m.Data = data
	m.Header.Set("Nats-Rollup", "sub")
	if _, err := r.js.PublishMsg(r.Context(), m); err != nil {
		r.Fatal(err)
	}
}

// What a person said about the columns counts for files with the same titles, also
// when usher knows none of them, and for no others. Issue 18.
func TestSavedColumns(t *testing.T) {
	r := newRig(t)
	r.run()
	r.drop("unknown.csv", "Erreichbar,Wer\nann@example.org,Ann\n")
	if rep := r.reports(1)["unknown.csv"]; rep.Code != "E_HEADER" {
		t.Fatalf("%+v", rep)
	}
	r.saveColumns(table.Mapping{"Erreichbar": "email", "Wer": "name"}, "Erreichbar", "Wer")
	r.drop("known.csv", "A list\n\nErreichbar,Wer\nbob@example.org,Bob\n")
	r.drop("order.csv", "wer;erreichbar\nCat;cat@example.org\n")
	r.drop("lines.jsonl", `{"Erreichbar":"dan@example.org","Wer":"Dan"}`+"\n")
	book := excelize.NewFile()
	for i, row := range [][]any{{"Users"}, {"Wer", "Erreichbar"}, {"Fay", "fay@example.org"}} {
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := book.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	r.drop("book.xlsx", packed.String())
	r.drop("others.csv", "Erreichbar,Wer,Wann\neve@example.org,Eve,now\n")
	if rep := r.reports(6)["others.csv"]; rep.Code != "E_HEADER" {
		t.Errorf("%+v", rep)
	}
	got := map[string]string{}
	for _, u := range r.users() {
		got[u.Email] = u.Name
	}
	for email, name := range map[string]string{"bob@example.org": "Bob", "cat@example.org": "Cat", "dan@example.org": "Dan", "fay@example.org": "Fay"} {
		if got[email] != name {
			t.Errorf("%s is %q", email, got[email])
		}
	}
	if len(got) != 4 {
		t.Errorf("got %v", got)
	}
}

// An import goes on with the columns with which it began, whatever is said meanwhile:
// otherwise rows could be neither published nor handed back. So do refused rows of JSON
// that come back, whose columns are the keys of their objects.
func TestColumnsOfAnImportStay(t *testing.T) {
	first := table.Mapping{"Erstens": "email", "Zweitens": "ignored"}
	other := table.Mapping{"Erstens": "ignored", "email": "ignored", "Zweitens": "email"}
	said := func(r *rig, columns table.Mapping) { r.saveColumns(columns, "Erstens", "Zweitens") }
	set := func(r *rig) { r.tweak = func(c *Config) { c.Inboxes[0].Columns = other } }
	const list, row = "Erstens,Zweitens", "first%[1]d@example.org,second%[1]d@example.org"
	const back, object = "_raw,_row,_line", `"{""Erstens"":""first%[1]d@example.org"",""Zweitens"":""second%[1]d@example.org""}",%[1]d,%[1]d`
	for name, tc := range map[string]struct {
		titles, row   string
		before, after func(*rig)
	}{
		"said otherwise":               {list, row, func(r *rig) { said(r, first) }, func(r *rig) { said(r, other) }},
		"taken back":                   {list, row, func(r *rig) { said(r, first) }, func(r *rig) { said(r, nil) }},
		"set for the inbox":            {"email,Zweitens", row, func(*rig) {}, set},
		"said and set":                 {list, row, func(r *rig) { said(r, first) }, set},
		"refused rows, said otherwise": {back, object, func(r *rig) { said(r, first) }, func(r *rig) { said(r, other) }},
		"refused rows, taken back":     {back, object, func(r *rig) { said(r, first) }, func(r *rig) { said(r, nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tc.before(r)
			text := tc.titles + "\n"
			for i := range 12 {
				text += fmt.Sprintf(tc.row+"\n", i)
			}
			r.drop("a.csv", text)
			if !r.killed("INGEST_AT=ingest.committed:2", "INGEST_BATCH=4") {
				t.Fatal("it was not killed")
			}
			if n := len(r.users()); n == 0 || n == 12 {
				t.Fatalf("%d users before the kill", n)
			}
			tc.after(r)
			r.run()
			if rep := r.reports(1)["a.csv"]; rep.Result != resultArchived || rep.Published != 12 {
				t.Errorf("%+v", rep)
			}
			r.exactlyOnce("a.csv", 12)
			for _, u := range r.users() {
				if !strings.HasPrefix(u.Email, "first") {
					t.Errorf("record %d is %s", u.Import.Record, u.Email)
				}
			}
		})
	}
}
