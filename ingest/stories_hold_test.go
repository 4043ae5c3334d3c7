package ingest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// check tells the warnings that usher check has about a file.
func (s *story) check(t *testing.T, name string) {
	t.Helper()
	rep, err := Check(t.Context(), filepath.Join(s.dir, name), s.inbox, event.Key("any"), nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&s.told, "check %s: %s\n", name, rep.Result)
	for _, w := range rep.Warnings {
		fmt.Fprintf(&s.told, "warning: %s %d line %d: %s\n", w.Code, w.Count, w.FirstLine, w.Text)
	}
}

// held waits until a file waits for a person, and tells why.
func (s *story) held(t *testing.T, name string) {
	t.Helper()
	p := s.progress(t, name)
	for deadline := time.Now().Add(60 * time.Second); p.State != event.ImportHeld; p = s.progress(t, name) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s is not held: %+v", s.path, name, p)
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintf(&s.told, "%s: %s, %d rows: %s\n%s\n", name, p.State, p.Rows, p.Reason, strings.ReplaceAll(p.Next, p.Import, "IMPORT"))
}

// answer is what a person says about a held file.
func (s *story) answer(t *testing.T, name string, refuse bool) {
	t.Helper()
	p := s.progress(t, name)
	r := event.Release{Import: p.Import, Source: p.Source, Digest: p.Digest, Refuse: refuse, Actor: "somebody", At: time.Now()}
	b, err := json.Marshal(r)
	if err == nil {
		_, err = s.rig.js.Publish(t.Context(), r.Subject(), b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// progress is what was told last of a file of this inbox.
func (s *story) progress(t *testing.T, name string) (out event.Progress) {
	t.Helper()
	stream, err := s.rig.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(event.ProgressSubject(s.inbox.Source, "*")))
	if err != nil {
		t.Fatal(err)
	}
	for subject := range info.State.Subjects {
		m, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			continue // it has another place meanwhile
		}
		var p event.Progress
		if err := json.Unmarshal(m.Data, &p); err != nil {
			t.Fatal(err)
		}
		if p.File == name {
			out = p
		}
	}
	return out
}
