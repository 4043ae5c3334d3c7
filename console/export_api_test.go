package console

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/console/export"
	"usher/console/logins"
	"usher/event"
)

// download begins to read a file.
func (r *rig) download(user, path string) *http.Response {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.base+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { resp.Body.Close() })
	return resp
}

// exportUsers is how many people the test of memory has: USHER_EXPORT_USERS, else 30,000.
func exportUsers(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("USHER_EXPORT_USERS"))
	if err != nil {
		return 30_000
	}
	t.Logf("%d people", n)
	return n
}

// heap is what is in use after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// However many people leave, memory holds a page of them: a client that reads slowly
// finds the same heap at the end as at the beginning.
func TestAnExportIsStreamed(t *testing.T) {
	r := newRig(t)
	r.run()
	n := exportUsers(t)
	a := &asked{r, nil, nil}
	a.people("many", n)
	a.write(`UPDATE people SET attributes = json_object('note', printf('%.1000c', 'x')), email = user_id || '@example.org'`)
	resp := r.download("admin", "/api/v1/export/data?format=jsonl")
	lines := bufio.NewScanner(resp.Body)
	var last string
	var first, most int64
	read := 0
	for lines.Scan() {
		var row export.Row
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil || row.UserID <= last || row.Data == nil || len(row.Data.Attributes["note"]) != 1000 {
			t.Fatalf("%v after %s: %s", err, last, lines.Text())
		}
		last = row.UserID
		if read++; read%(n/10) == 0 {
			if first == 0 {
				first = heap()
			}
			most = max(most, heap())
		}
	}
	if lines.Err() != nil || read != n {
		t.Errorf("%d of %d people: %v", read, n, lines.Err())
	}
	// Each is more than 1 kB; what the servers of the test hold comes and goes beside it.
	if grown := most - first; grown > min(int64(n)*1000/2, 32<<20) {
		t.Errorf("the heap has grown by %d bytes for %d people", grown, n)
	} else {
		t.Logf("%d people, and the heap has grown by %d kB", n, grown/1000)
	}
}

// A file that broke off goes on behind its last whole row; people who came, went or moved
// on meanwhile change nothing about the others.
func TestAnExportGoesOn(t *testing.T) {
	r := newRig(t)
	r.run()
	a := &asked{r, nil, nil}
	a.people("many", 5000)
	a.write(`UPDATE people SET attributes = json_object('note', printf('%.2000c', 'x'))`) // more than sockets hold
	resp := r.download("admin", "/api/v1/export/data")
	rows := csv.NewReader(resp.Body)
	seen := map[string]int{}
	var last string
	for range 1500 {
		row, err := rows.Read()
		if err != nil {
			t.Fatal(err)
		}
		last = row[0]
		seen[last]++
	}
	resp.Body.Close()
	ended := func() (out []map[string]string) {
		all, _, err := r.console.model.trail(t.Context(), wanted{Action: "export-end"}, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			m := map[string]string{}
			for _, x := range d.More {
				name, v, _ := strings.Cut(x, ": ")
				m[name] = v
			}
			out = append(out, m)
		}
		return out
	}
	r.eventually("the trail says that it broke off", func() bool { e := ended(); return len(e) == 1 && e[0]["whole"] == "false" && e[0]["rows"] != "5000" })
	a.write(`UPDATE people SET since = since + 1000000, status = 'approved' WHERE rowid % 3 = 0`)
	a.write(`DELETE FROM people WHERE user_id = 'many-1'`)
	rest, err := csv.NewReader(r.download("admin", "/api/v1/export/data?after="+last).Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rest {
		seen[row[0]]++
	}
	delete(seen, "many-1")
	if seen["user_id"] != 1 || len(seen) != 5000 {
		t.Errorf("%d people and %d lines of titles, want 4999 and 1", len(seen)-1, seen["user_id"])
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
}

// Who may not see personal data gets none, by no address; a login of some inboxes gets
// their people; and the trail says who had what, without what was searched for.
func TestWhoExportsWhat(t *testing.T) {
	r := newRig(t)
	r.run()
	r.user("u-1", "=Ann Quill")
	r.publish(event.ImportedSubject("other"), event.User{UserID: "u-2", Name: "Ben", Email: "ben@example.org"})
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("both are there", func() bool {
		return r.statusOf("u-1") == event.StatusWaiting && r.api("GET", "/api/v1/users/u-2", "", nil) == 200
	})
	r.login("vera", logins.Viewer)
	r.login("paul", logins.Verifier)
	r.login("olga", logins.Operator, "inbox")
	read := func(user, path string) (int, string) {
		resp := r.download(user, path)
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, user := range []string{"vera", "paul"} {
		if status, text := read(user, "/api/v1/export?q=u-"); status != 200 || !strings.Contains(text, "u-1,waiting") || !strings.Contains(text, "u-2,") || strings.Contains(text, "Quill") || strings.Contains(text, "example") || strings.Contains(text, ".csv") {
			t.Errorf("%s: %d %s", user, status, text)
		}
		if status, _ := read(user, "/api/v1/export/data"); status != http.StatusForbidden {
			t.Errorf("%s, with data: %d", user, status)
		}
	}
	if status, text := read("olga", "/api/v1/export/data?q=quill"); status != 200 || !strings.Contains(text, "'=Ann Quill") || strings.Contains(text, "u-2") {
		t.Errorf("olga: %d %s", status, text)
	}
	if _, text := read("olga", "/api/v1/export/data?inbox=other"); strings.Contains(text, "u-2") {
		t.Errorf("olga, another inbox: %s", text)
	}
	day := time.Now().UTC().Add(24 * time.Hour).Format(time.DateOnly)
	if _, text := read("admin", "/api/v1/export?since="+day); strings.Contains(text, "u-1") {
		t.Errorf("since tomorrow: %s", text)
	}
	if _, text := read("admin", "/api/v1/export?status=waiting&since="+time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)); !strings.Contains(text, "u-1") {
		t.Errorf("since an hour ago: %s", text)
	}
	var entries []Did
	r.eventually("the trail has them", func() bool {
		all, _, err := r.console.model.trail(t.Context(), wanted{Action: "export"}, 20)
		entries = all
		return err == nil && len(all) == 6
	})
	all := ""
	for _, d := range entries {
		all += d.Actor + " " + strings.Join(d.More, " ") + "\n"
	}
	if strings.Contains(all, "quill") || !strings.Contains(all, "olga") || !strings.Contains(all, "with_data: true") || !strings.Contains(all, "searched: true") {
		t.Errorf("the trail:\n%s", all)
	}
}

// An export that fails in the middle ends the connection, so that no one takes a part
// for the whole.
func TestAnExportThatFailsIsNoWholeFile(t *testing.T) {
	r := newRig(t)
	r.run()
	a := &asked{r, nil, nil}
	a.people("many", 5000)
	a.write(`UPDATE people SET attributes = json_object('note', printf('%.2000c', 'x'))`)
	resp := r.download("admin", "/api/v1/export/data?format=jsonl")
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	a.write(`UPDATE people SET attributes = 'no JSON' WHERE user_id > 'many-3'`)
	if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("it ended with %v", err)
	}
}
