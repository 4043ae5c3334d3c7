package export

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var ann = Row{UserID: "-1", Status: "waiting", Since: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), Inbox: "hr", Import: "i", Line: 2, Generation: 1,
	Data: &Data{Name: "=cmd|' /C calc'!A0", GivenName: "@sum", FamilyName: "Quill\n\"x\"", Email: "\tann@example.org", Phone: "+4915112345678", Locale: "+1+2", Attributes: map[string]string{"b": "2", "a": "<1>"}, File: "\uff1dx.csv", DecidedBy: "crm:x"}}

func write(t *testing.T, format string, data, continued bool) string {
	t.Helper()
	var b strings.Builder
	w, err := NewWriter(&b, format, data, continued)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(ann), w.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A cell that a spreadsheet would run begins with an apostrophe; nothing else changes.
func TestNoCellIsAFormula(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv", true, false))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"'-1", "waiting", "2026-11-30T09:00:00Z", "hr", "i", "2", "1", "'=cmd|' /C calc'!A0", "'@sum", "Quill\n\"x\"", "'\tann@example.org", "+4915112345678", "'+1+2", `{"a":"\u003c1\u003e","b":"2"}`, "'\uff1dx.csv", "crm:x"}
	if len(rows) != 2 || !reflect.DeepEqual(rows[1], want) || len(rows[0]) != len(want) || rows[0][0] != "user_id" {
		t.Errorf("got %q\nwant %q", rows, want)
	}
}

func TestWithoutDataThereIsNone(t *testing.T) {
	for _, format := range Formats {
		text := write(t, format, false, false)
		for _, word := range []string{"Quill", "sum", "example", "+49", "cmd", "x.csv", "crm"} {
			if strings.Contains(text, word) {
				t.Errorf("%s tells of %s: %s", format, word, text)
			}
		}
	}
	if text := write(t, "csv", false, true); strings.Contains(text, "user_id") {
		t.Errorf("a file that goes on has titles: %s", text)
	}
}

func TestLinesAreReadAgain(t *testing.T) {
	var got Row
	if err := json.Unmarshal([]byte(write(t, "jsonl", true, false)), &got); err != nil || !reflect.DeepEqual(got, ann) {
		t.Errorf("%v %+v", err, got)
	}
	if _, err := NewWriter(nil, "xlsx", false, false); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
