package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/tools/txtar"

	"usher/event"
	"usher/ingest/inbox"
	"usher/table"
)

// story is one script of testdata.
type story struct {
	rig     *rig
	path    string
	name    string
	archive *txtar.Archive
	inbox   Inbox
	dir     string
	told    strings.Builder
	dropped map[string]bool // import ids that were told
	seen    int             // events that were told
	columns bool            // tell what columns were taken for
	refused string          // path of the last refused rows
	imports []string        // ids that may stand in what is told
	trouble atomic.Value    // what goes wrong when usher reads: changed or deadly; a string
}

// words yields the story's commands, one a line; # begins a comment.
func (s *story) words() [][]string {
	var out [][]string
	for l := range strings.Lines(string(s.archive.Comment)) {
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' {
			continue
		}
		command, rest, _ := strings.Cut(l, " ")
		if command == "run" {
			out = append(out, []string{command, rest})
			continue
		}
		r := csv.NewReader(strings.NewReader(rest))
		r.Comma = ' '
		args, err := r.Read()
		if err != nil && err != io.EOF {
			panic(s.path + ": " + l)
		}
		out = append(out, append([]string{command}, args...))
	}
	return out
}

// settings are the words about the inbox itself.
func (s *story) settings(t *testing.T) {
	for _, w := range s.words() {
		n := 0
		if len(w) > 1 {
			n, _ = strconv.Atoi(w[1])
		}
		switch w[0] {
		case "region":
			s.inbox.Region = w[1]
		case "hidden-rows":
			s.inbox.HiddenRows = table.HiddenRows(w[1])
		case "all-or-nothing":
			s.inbox.AllOrNothing = true
		case "strict":
			s.inbox.Strict = true
		case "columns":
			s.columns = true
		case "take":
			if s.inbox.Columns == nil {
				s.inbox.Columns = table.Mapping{}
			}
			s.inbox.Columns[w[1]] = w[2]
		case "skip":
			rule, err := ParseSkip(w[1])
			if err != nil {
				t.Fatal(err)
			}
			s.inbox.Skip = append(s.inbox.Skip, rule)
		case "max-rows":
			s.inbox.MaxRows = n
		case "max-refused":
			s.inbox.MaxRefused = n
		case "max-refused-percent":
			s.inbox.MaxRefusedPercent = float64(n)
		case "complete":
			s.inbox.Complete = w[1]
		case "last-line":
			s.inbox.LastLine = w[1]
		case "trailer-line":
			s.inbox.TrailerLine = w[1]
		case "trailer-name":
			s.inbox.TrailerName = w[1]
		}
	}
}

// hasTrouble reports whether something goes wrong while usher reads.
func (s *story) hasTrouble() bool { return s.drops("changed") || s.drops("deadly") }

// drops reports whether a file is dropped in this way.
func (s *story) drops(how string) bool {
	return slices.ContainsFunc(s.words(), func(w []string) bool { return w[0] == "drop" && len(w) > 2 && w[2] == how })
}

// fault makes the trouble of the file that is being read.
func (s *story) fault(point string) {
	if point != "ingest.read" {
		return
	}
	switch s.trouble.Load() {
	case "deadly":
		panic("usher fails on what stands in the file")
	case "changed":
		paths, _ := filepath.Glob(filepath.Join(s.inbox.Dir, inbox.WorkFolder, "*", "*"))
		for _, p := range paths {
			f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("\n")
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				panic(err)
			}
		}
	}
}

// playUnprivileged plays the story in a process that may not read every file, as
// root may.
func (s *story) playUnprivileged(t *testing.T) {
	tool(t, "unshare")
	args := []string{"--user", "--map-user=1000", os.Args[0], "-test.run=^TestStories$/^all$/^" + s.name + "$", fmt.Sprintf("-update=%v", *update)}
	out, err := exec.Command("unshare", args...).CombinedOutput()
	if err != nil && strings.Contains(string(out), "unshare failed") && os.Getenv("CI") != "true" {
		t.Skip("root may read every file, and this system allows no user namespaces")
	}
	if err != nil {
		t.Errorf("as somebody else: %v\n%s", err, out)
	}
}

func (s *story) play(t *testing.T) {
	if os.Getuid() == 0 && s.drops("unreadable") {
		s.playUnprivileged(t)
		return
	}
	s.dir = t.TempDir()
	want := ""
	for _, f := range s.archive.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		s.write(t, f.Name, f.Data)
	}
	for _, w := range s.words() {
		s.do(t, w)
	}
	got := s.told.String()
	if *update {
		s.archive.Files = slices.DeleteFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == "want" })
		s.archive.Files = append(s.archive.Files, txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(s.path, txtar.Format(s.archive), 0o640); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got)\n%s", s.path, d)
	}
}

func (s *story) do(t *testing.T, w []string) {
	t.Helper()
	change := func(f func([]byte) ([]byte, error)) {
		t.Helper()
		b, err := f(s.read(t, w[1]))
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, w[1], b)
	}
	replace := func(from, to string) {
		t.Helper()
		change(func(b []byte) ([]byte, error) { return bytes.ReplaceAll(b, []byte(from), []byte(to)), nil })
	}
	switch w[0] {
	case "strict", "columns", "take", "skip", "region", "hidden-rows", "all-or-nothing", "max-rows", "max-refused", "max-refused-percent", "complete", "last-line", "trailer-line", "trailer-name": // see settings
	case "crlf":
		replace("\n", "\r\n")
	case "cr":
		replace("\n", "\r")
	case "replace":
		replace(w[2], w[3])
	case "bom":
		change(func(b []byte) ([]byte, error) { return append([]byte("\ufeff"), b...), nil })
	case "cut":
		n, _ := strconv.Atoi(w[2])
		change(func(b []byte) ([]byte, error) { return b[:len(b)-n], nil })
	case table.Windows1252, table.UTF16LE, table.UTF16BE:
		change(func(b []byte) ([]byte, error) { return encodeFor(w[0], string(b)), nil })
	case "base64":
		change(func(b []byte) ([]byte, error) { return base64.StdEncoding.DecodeString(string(b)) })
	case "append-hex":
		more, err := hex.DecodeString(w[2])
		if err != nil {
			t.Fatal(err)
		}
		change(func(b []byte) ([]byte, error) { return append(b, more...), nil })
	case "append-lines":
		n, _ := strconv.Atoi(w[2])
		change(func(b []byte) ([]byte, error) {
			for i := range n {
				b = append(append(b, strings.ReplaceAll(w[3], "%d", strconv.Itoa(i+1))...), '\n')
			}
			return b, nil
		})
	case "gzip":
		change(func(b []byte) ([]byte, error) {
			var out bytes.Buffer
			z := gzip.NewWriter(&out)
			if _, err := z.Write(b); err != nil {
				return nil, err
			}
			err := z.Close()
			return out.Bytes(), err
		})
	case "zstd":
		change(func(b []byte) ([]byte, error) {
			z, err := zstd.NewWriter(nil)
			return z.EncodeAll(b, nil), err
		})
	case "zip":
		s.zip(t, w[1], w[2:])
	case "xlsx":
		s.xlsx(t, w[1], w[2:])
	case "run":
		tool(t, strings.Fields(w[1])[0])
		cmd := exec.Command("sh", "-c", w[1])
		cmd.Dir = s.dir
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() == 77 && os.Getenv("CI") != "true" {
			t.Skipf("%s", out)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", w[1], err, out)
		}
	case "drop":
		s.drop(t, w[1], strings.Join(w[2:], " "))
		s.tell(t)
	case "redrop":
		if _, err := Redrop(filepath.Join(s.dir, w[1]), s.inbox, nil); err != nil {
			t.Fatal(err)
		}
		s.tell(t)
	case "give": // as the console does, with the digest that it noted
		folder, err := os.OpenRoot(s.dir)
		if err == nil {
			_, err = Give(folder, w[1], s.inbox, event.Key("a key for these tests"), Given{Digest: w[2], By: "ann", At: time.Now()})
			err = errors.Join(err, folder.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		s.tell(t)
	case "check":
		s.check(t, w[1])
	case "held":
		s.drop(t, w[1], "")
		s.held(t, w[1])
	case "release", "refuse":
		s.answer(t, w[1], w[0] == "refuse")
		s.tell(t)
	case "beside":
		if err := os.WriteFile(filepath.Join(s.inbox.Dir, w[1]+w[2]), []byte(strings.Join(w[3:], " ")), 0o640); err != nil {
			t.Fatal(err)
		}
	case "forget":
		s.forget(t)
	case "mend": // FILE OLD NEW ...: the last refused rows, with cells replaced
		b, err := os.ReadFile(s.refused)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, w[1], []byte(strings.NewReplacer(w[2:]...).Replace(string(b))))
	default:
		t.Fatalf("%s: what is %q?", s.path, w[0])
	}
}

// forget takes what was published out of the stream, checkpoints and all.
func (s *story) forget(t *testing.T) {
	t.Helper()
	stream, err := s.rig.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{event.ImportedSubject(s.inbox.Source), event.CheckpointSubject(s.inbox.Source, "*")} {
		if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject(subject)); err != nil {
			t.Fatal(err)
		}
	}
	s.seen = 0
}

// tell waits for what comes back.
func (s *story) tell(t *testing.T) {
	t.Helper()
	rep, path := s.report(t)
	fmt.Fprintf(&s.told, "%s: %s, %s, %s", rep.File, rep.Result, rep.Format, rep.Encoding)
	if rep.Delimiter != "" {
		fmt.Fprintf(&s.told, ", %q", rep.Delimiter)
	}
	fmt.Fprintf(&s.told, "\n%d rows, %d published, %d refused, %d blank", rep.Rows, rep.Published, rep.Refused, rep.Blank)
	if rep.Skipped > 0 {
		fmt.Fprintf(&s.told, ", %d skipped", rep.Skipped)
	}
	fmt.Fprintln(&s.told)
	s.imports = append(s.imports, rep.Import, "IMPORT")
	if rep.Code != "" {
		fmt.Fprintf(&s.told, "%s %s\n", rep.Code, strings.NewReplacer(s.imports...).Replace(rep.Reason))
	}
	if rep.DuplicateOf != "" {
		fmt.Fprintf(&s.told, "duplicate of %s\n", strings.NewReplacer(s.imports...).Replace(rep.DuplicateOf))
	}
	if s.columns {
		for _, c := range rep.Columns {
			fmt.Fprintf(&s.told, "column %s: %s", c.Title, c.As)
			if c.Note != "" {
				fmt.Fprintf(&s.told, ", %s", c.Note)
			}
			fmt.Fprintln(&s.told)
		}
	}
	for _, w := range rep.Warnings {
		fmt.Fprintf(&s.told, "warning: %s %d line %d: %s\n", w.Code, w.Count, w.FirstLine, w.Text)
	}
	for _, e := range rep.Examples {
		fmt.Fprintf(&s.told, "%s line %d %s: %s\n", e.Code, e.Line, e.Field, e.Reason)
	}
	for _, u := range s.users(t) {
		if strings.HasPrefix(u.UserID, "u-") && len(u.UserID) == 28 {
			u.UserID = "(derived)"
		}
		name := u.Name
		if u.GivenName != "" || u.FamilyName != "" {
			name += " (given " + u.GivenName + ", family " + u.FamilyName + ")"
		}
		fmt.Fprintf(&s.told, "user %s|%s|%s|%s|%s", u.UserID, strings.ReplaceAll(name, "\n", `\n`), u.Email, u.Phone, u.Locale)
		for _, k := range slices.Sorted(maps.Keys(u.Attributes)) {
			fmt.Fprintf(&s.told, "|%s=%s", k, u.Attributes[k])
		}
		fmt.Fprintln(&s.told)
	}
	s.refused = filepath.Join(s.rig.dir, "refused", s.inbox.Source, filepath.Base(path)+".refused.csv")
	if b, err := os.ReadFile(s.refused); err == nil {
		for l := range strings.Lines(string(b)) {
			fmt.Fprintf(&s.told, "back: %s", l)
		}
	}
	if b, err := os.ReadFile(strings.TrimSuffix(s.refused, ".refused.csv") + ".skipped.csv"); err == nil {
		for l := range strings.Lines(string(b)) {
			fmt.Fprintf(&s.told, "skipped: %s", l)
		}
	}
	fmt.Fprintln(&s.told, strings.ReplaceAll(rep.Next, rep.Import, "IMPORT"))
}

// report waits for the report of the file that was dropped, and returns the path
// of the original beside it.
func (s *story) report(t *testing.T) (Report, string) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		for _, folder := range []string{"archive", "refused"} {
			paths, _ := filepath.Glob(filepath.Join(s.rig.dir, folder, s.inbox.Source, "*.report.json"))
			for _, p := range paths {
				original := strings.TrimSuffix(p, ".report.json")
				if _, err := os.Lstat(original); err != nil || s.dropped[p] {
					continue
				}
				b, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				var rep Report
				if err := json.Unmarshal(b, &rep); err != nil {
					t.Fatal(err)
				}
				s.dropped[p] = true
				return rep, original
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the file is not done")
		}
	}
}

// users are the events of this story's inbox that were not told yet, fifty at
// most.
func (s *story) users(t *testing.T) []event.User {
	t.Helper()
	stream, err := s.rig.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{FilterSubjects: []string{event.ImportedSubject(s.inbox.Source)}})
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := consumer.FetchNoWait(s.seen + 50)
	if err != nil {
		t.Fatal(err)
	}
	var out []event.User
	for m := range msgs.Messages() {
		u, err := event.ParseUser(m.Data())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	if err := msgs.Error(); err != nil {
		t.Fatal(err)
	}
	news := out[s.seen:]
	s.seen = len(out)
	return news
}
