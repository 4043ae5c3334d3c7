package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/event"
)

// What the first rows do not show, the others do: words that mean nothing, numbers that
// were too large, and what stands under titles that say nothing. Issue 18.
func TestLateRowsCount(t *testing.T) {
	const first = 500 // rows that show nothing
	key := event.Key("a key for these tests")
	for name, tc := range map[string]struct {
		titles, early string // the latter with %d; without titles the rows are JSON
		late          []string
		code          string // of the file
		refused       int
		says          []string // within warnings, or the reason
		event         string   // within that of a late row
		never         string   // within any event
	}{
		"words": {
			titles: "email,name,phone", early: "a%d@example.org,Ann %[1]d,",
			late: []string{"b1@example.org,NA,NA", "b2@example.org,unknown,", "b3@example.org,unknown,"},
			says: []string{`"NA" were read as empty`, `"unknown" were read as empty`}, never: `"name":"NA"`,
		},
		"a family name": {
			titles: "email,first_name,last_name", early: "a%d@example.org,Ann,Lee",
			late: []string{"b1@example.org,Hye,NA", "b2@example.org,Min,NA"}, says: []string{`"NA" was kept`}, event: `"name":"Min NA"`,
		},
		"largest numbers": {
			titles: "email,phone", early: "a%d@example.org,+491511234%04[1]d",
			late: []string{"b1@example.org,2147483647", "b2@example.org,2147483647"}, refused: 2,
		},
		"addresses beside others": {
			titles: "email,Zweitkontakt", early: "a%d@example.org,",
			late: []string{"b1@example.org,b1@example.net", "b2@example.org,b2@example.net"}, says: []string{`"Zweitkontakt" holds addresses`},
		},
		"addresses alone": {
			titles: "phone,Kontakt", early: "+491511234%04d,",
			late: []string{"+4915112340900,b1@example.net", "+4915112340901,b2@example.net"}, code: "E_HEADER", says: []string{`line 502`},
		},
		"keys about others": {
			early: `{"student_email":"a%d@example.org"}`,
			late:  []string{`{"student_name":"Bob","contact_email":"b1@example.net"}`, `{"student_name":"Cem","contact_email":"b2@example.net"}`}, refused: 2,
		},
		"secrets": {
			titles: "email,Feld 7", early: "a%d@example.org,x",
			late: []string{"b1@example.org,$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}, says: []string{`"Feld 7" may hold passwords`}, never: "$2y$",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			fmt.Fprintln(&b, tc.titles)
			for i := range first {
				fmt.Fprintf(&b, tc.early+"\n", i)
			}
			for _, l := range tc.late {
				fmt.Fprintln(&b, l)
			}
			var events []string
			if tc.titles == "" {
				b.Reset()
				for i := range first {
					fmt.Fprintf(&b, tc.early+"\n", i)
				}
				fmt.Fprintln(&b, strings.Join(tc.late, "\n"))
			}
			path := filepath.Join(t.TempDir(), "list.csv")
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			rep, err := CheckRows(t.Context(), path, Inbox{Source: "inbox", Region: "DE"}, key, nil, first+len(tc.late), func(body []byte) error {
				events = append(events, string(body))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			said := rep.Reason
			for _, w := range rep.Warnings {
				said += "\n" + w.Text
			}
			for _, want := range tc.says {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said in:\n%s", want, said)
				}
			}
			all := strings.Join(events, "\n")
			if tc.never != "" && strings.Contains(all, tc.never) || !strings.Contains(all, tc.event) {
				t.Errorf("events:\n%s", strings.Join(events[max(0, len(events)-3):], "\n"))
			}
			if rep.Code != tc.code || rep.Refused != tc.refused {
				t.Errorf("%s, %d refused: %s", rep.Code, rep.Refused, rep.Text())
			}
		})
	}
}
