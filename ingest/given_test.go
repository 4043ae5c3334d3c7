package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/ingest/inbox"
	"usher/table"
)

// give puts a file of the name into a folder and gives it to the inbox of the rig.
func (r *rig) give(name, content string, change func(*Given)) (id string, err error) {
	r.Helper()
	dir := r.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		r.Fatal(err)
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		r.Fatal(err)
	}
	defer folder.Close()
	sum := sha256.Sum256([]byte(content))
	g := Given{Digest: hex.EncodeToString(sum[:]), By: "ann", At: time.Now()}
	if change != nil {
		change(&g)
	}
	c := config(r.dir, r.js, slog.DiscardHandler)
	if r.tweak != nil {
		r.tweak(&c)
	}
	return Give(folder, name, c.Inboxes[0], c.Key, g)
}

// watched waits until the watcher has its inbox.
func (r *rig) watched() {
	r.Helper()
	for deadline := time.Now().Add(10 * time.Second); StandingOf(Inbox{Dir: filepath.Join(r.dir, "inbox")}).Problem != ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatal("no watcher works in the inbox")
		}
	}
}

// A file that a person gives at the console is taken at once, without waiting for the
// next look, and who it was is in the import's record. Regressions of issue 16.
func TestAGivenFileIsTakenAtOnce(t *testing.T) {
	for complete, beside := range map[string]string{"": "", CompleteMarker: ".done", CompleteChecksum: ".sha256"} {
		t.Run("complete "+complete, func(t *testing.T) {
			r := newRig(t)
			r.tweak = func(c *Config) { c.Rescan, c.Inboxes[0].Complete = time.Hour, complete }
			r.run()
			r.drop("first.csv", "email\nfirst@example.org\n") // the watcher is there
			if complete != "" {
				r.drop("first.csv"+beside, strings.Repeat("1", 64)+"\n")
			}
			r.reports(1)
			id, err := r.give("given.csv", "email,name\na@example.org,Ann\nno,Ben\n", nil)
			if err != nil {
				t.Fatal(err)
			}
			rep := r.reports(2)["given.csv"]
			if rep.Import != id || rep.UploadedBy != "ann" || rep.Published != 1 || rep.Refused != 1 || !strings.Contains(rep.Text(), "uploaded   by ann") {
				t.Errorf("%+v", rep)
			}
			for _, u := range r.users() { // what decides who may approve them
				if want := map[string]string{"first@example.org": "", "a@example.org": "ann"}[u.Email]; u.Import.UploadedBy != want {
					t.Errorf("the record of %s was uploaded by %q, want %q", u.Email, u.Import.UploadedBy, want)
				}
			}
			if p := r.told()["given.csv"]; p.Import != id || p.UploadedBy != "ann" || p.State != event.ImportArchived {
				t.Errorf("told: %+v", p)
			}
			if b, err := os.ReadFile(filepath.Join(r.dir, "archive", "inbox", id+"-given.csv"+beside)); err != nil || len(b) == 0 {
				t.Errorf("what lay beside it: %q %v", b, err)
			}
		})
	}
}

// Who gave a file cannot be said by those who only reach the folder: not by a note that
// they write, and not by the note of another file.
func TestWhoGaveAFileCannotBeForged(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.watched()
	if _, err := r.give("first.csv", "email\na@example.org\n", func(g *Given) { g.Digest = strings.Repeat("0", 64) }); err != nil {
		t.Fatal(err)
	}
	if rep := r.reports(1)["first.csv"]; rep.Code != "E_UPLOAD" || rep.UploadedBy != "" || rep.Published != 0 {
		t.Errorf("other bytes than the note says: %+v", rep)
	}
	stop()
	id, err := r.give("second.csv", "email\nb@example.org\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(r.dir, "inbox", inbox.ClaimPath(id), uploadedNote)
	b, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	var u uploaded
	if err := json.Unmarshal(b, &u); err != nil || u.By != "ann" {
		t.Fatalf("%s %v", b, err)
	}
	if err := os.WriteFile(note, []byte(strings.Replace(string(b), `"ann"`, `"ben"`, 1)), 0o640); err != nil {
		t.Fatal(err)
	}
	r.run()
	if rep := r.reports(2)["second.csv"]; rep.Code != "E_UPLOAD" || rep.UploadedBy != "" {
		t.Errorf("another name than was signed: %+v", rep)
	}
	r.drop("third.csv", "email\nc@example.org\n")
	r.drop(uploadedNote, string(b))
	if rep := r.reports(3)["third.csv"]; rep.UploadedBy != "" || rep.Published != 1 {
		t.Errorf("a note that lies in the inbox: %+v", rep)
	}
}

// What a person said about the columns of one file counts for that file, and known
// content is imported when it is meant.
func TestAGivenFileIsReadAsItsPersonSaid(t *testing.T) {
	r := newRig(t)
	r.run()
	r.watched()
	const list = "Kontakt,Wer\na@example.org,Ann\n"
	columns := func(g *Given) { g.Columns = table.Mapping{"Kontakt": "email", "Wer": "name"} }
	if _, err := r.give("a.csv", list, columns); err != nil {
		t.Fatal(err)
	}
	if rep := r.reports(1)["a.csv"]; rep.Published != 1 || rep.Columns[1].As != "name" {
		t.Errorf("%+v", rep)
	}
	if _, err := r.give("b.csv", list, columns); err != nil {
		t.Fatal(err)
	}
	if rep := r.reports(2)["b.csv"]; rep.DuplicateOf == "" || rep.UploadedBy != "ann" {
		t.Errorf("known content: %+v", rep)
	}
	if _, err := r.give("c.csv", list, func(g *Given) { columns(g); g.Known = true }); err != nil {
		t.Fatal(err)
	}
	if rep := r.reports(3)["c.csv"]; rep.Published != 1 || rep.DuplicateOf != "" {
		t.Errorf("known content that is meant: %+v", rep)
	}
}

// A folder in which no watcher has worked may be the bare one where a share is mounted:
// nothing is put there, and it is said.
func TestNothingIsGivenToAFolderWithoutAWatcher(t *testing.T) {
	r := newRig(t)
	dir := filepath.Join(r.dir, "inbox")
	in := Inbox{Source: "inbox", Dir: dir}
	if s := StandingOf(in); !strings.Contains(s.Problem, "cannot be reached") || s.Next == "" {
		t.Errorf("no folder: %+v", s)
	}
	if _, err := r.give("a.csv", "email\na@example.org\n", nil); !errors.Is(err, ErrNotThere) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := r.give("a.csv", "email\na@example.org\n", nil); !errors.Is(err, ErrNotThere) {
		t.Errorf("no watcher: %v", err)
	}
	if s := StandingOf(in); !strings.Contains(s.Problem, "no watcher works") {
		t.Errorf("no watcher: %+v", s)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it was put there: %v %v", left, err)
	}
	r.tweak = func(c *Config) { c.Inboxes[0].Complete = CompleteMarker }
	r.run()
	r.drop("waits.csv", "email\nb@example.org\n")
	r.drop("half.csv.part", "email\nb@exa")
	in.Complete = CompleteMarker
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := StandingOf(in)
		if s.Problem == "" && len(s.Files) == 2 && s.Files[0].File == "half.csv.part" && strings.Contains(s.Files[1].Reason, "waits.csv.done is not beside it") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a file that waits for its marker: %+v", s)
		}
	}
}
