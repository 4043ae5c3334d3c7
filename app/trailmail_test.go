package app

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/catcher/catchertest"
	"usher/console/trail"
	"usher/event"
	"usher/report"
	"usher/streams"
	"usher/streams/streamstest"
)

// outage passes connections on to a server while that is not away.
type outage struct {
	net.Listener
	to string

	mu    sync.Mutex
	away  bool
	conns []net.Conn
}

func startOutage(t *testing.T, to string) *outage {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &outage{Listener: l, to: to}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			o.pass(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done; o.is(true) })
	return o
}

func (o *outage) pass(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, err := net.Dial("tcp", o.to)
	if err != nil || o.away {
		_ = c.Close()
		return
	}
	o.conns = append(o.conns, c, s)
	go func() { _, _ = io.Copy(s, c); _ = s.Close() }()
	go func() { _, _ = io.Copy(c, s); _ = c.Close() }()
}

// is ends all connections, and takes new ones or not.
func (o *outage) is(away bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = away
	for _, c := range o.conns {
		_ = c.Close()
	}
	o.conns = nil
}

// did appends entries to the trail.
func did(t *testing.T, js jetstream.JetStream, n int) trail.Head {
	t.Helper()
	w := trail.NewWriter(js)
	var records []trail.Record
	for range n {
		records = append(records, trail.Record{ID: event.NewID(), Action: "signin", What: map[string]string{trail.FieldActor: "zoe.example", trail.FieldAt: time.Now().Format(time.RFC3339Nano)}})
	}
	if done, err := w.Append(t.Context(), records); done != n || err != nil {
		t.Fatal(done, err)
	}
	h, _ := w.Head()
	return h
}

var inMail = regexp.MustCompile(`(?m)^  usher audit verify((?: --head [0-9]+:[0-9a-f]{64})+)$`)

// verified reads the trail as `usher audit verify` does, with the heads of a mail.
func verified(t *testing.T, js jetstream.JetStream, m caught) trail.Verdict {
	t.Helper()
	command := inMail.FindStringSubmatch(strings.ReplaceAll(m.Text, "\r", ""))
	if command == nil {
		t.Fatalf("the mail has no command:\n%s", m.Text)
	}
	var v trail.Verifier
	for text := range strings.SplitSeq(strings.TrimPrefix(command[1], " --head "), " --head ") {
		h, err := trail.ParseHead(text)
		if err != nil {
			t.Fatal(err)
		}
		v.Heads = append(v.Heads, h)
	}
	err := streams.Read(t.Context(), js, event.StreamAudit, streams.Selection{}, func(m streams.Message, _ uint64) error {
		v.Next(trail.Message{Seq: m.Seq, Subject: m.Subject, Data: m.Data})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v.End()
}

// The head of the trail comes once to each recipient, from two workers that both try and
// while the mail server is away for a while; what a mail says finds out a tail that is cut.
func TestTheHeadOfTheTrailByMail(t *testing.T) {
	js, _ := streamstest.Start(t)
	c := catchertest.Start(t)
	between := startOutage(t, c.SMTPAddr())
	address := between.Addr().String()
	to := []string{"audit@example.org", "keeper@example.com"}
	settings := Reports{AuditMail: to}
	one, _ := jobsOn(t, js, address, settings)
	two, _ := jobsOn(t, js, address, settings)
	job := func(day int) event.Job {
		at := time.Date(2026, 7, day, 0, 0, 0, 0, time.UTC)
		return event.Job{Run: "usher-trail-head-" + at.Format(time.RFC3339), At: at}
	}
	// both lets two workers do a job at once, again and again as Temporal does.
	both := func(j event.Job) {
		t.Helper()
		var done [2]chan error
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
			for i, jobs := range []*report.Jobs{one, two} {
				done[i] = make(chan error, 1)
				go func() { done[i] <- jobs.TrailHead(t.Context(), j) }()
			}
			err, err2 := <-done[0], <-done[1]
			if err == nil && err2 == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(err, err2)
			}
		}
	}
	last := func(n int) caught {
		t.Helper()
		var texts []string
		var m caught
		for _, address := range to {
			all := mailsTo(t, c, address)
			if len(all) != n {
				t.Fatalf("%s has %d mails, want %d", address, len(all), n)
			}
			m = all[0]
			texts = append(texts, m.Subject+m.Text)
			if strings.Contains(m.Text, "zoe") {
				t.Errorf("a mail names someone:\n%s", m.Text)
			}
		}
		if texts[0] != texts[1] {
			t.Errorf("two recipients read\n%s", strings.Join(texts, "\n"))
		}
		return m
	}
	says := func(m caught, subject string, texts ...string) {
		t.Helper()
		if m.Subject != subject {
			t.Errorf("the subject is %q, want %q", m.Subject, subject)
		}
		for _, text := range texts {
			if !strings.Contains(m.Text, text) {
				t.Errorf("the mail lacks %q:\n%s", text, m.Text)
			}
		}
	}

	both(job(1))
	says(last(1), "Trail of usher on 2026-07-01: no entries")

	first := did(t, js, 40)
	both(job(2))
	m := last(2)
	says(m, "Trail of usher on 2026-07-02: head 40", "\n  "+first.String())
	did(t, js, 3)
	if v := verified(t, js, m); v.Faulty > 0 || v.Entries != 43 {
		t.Errorf("a head from the middle: %+v", v)
	}

	// The server is away; what is sent in the end is what was so when the day began.
	between.is(true)
	for range 3 {
		if err := one.TrailHead(t.Context(), job(3)); err == nil {
			t.Fatal("sent without a server")
		}
	}
	did(t, js, 7)
	between.is(false)
	both(job(3))
	m = last(3)
	says(m, "Trail of usher on 2026-07-03: head 43, 3 entries more", "3 entries since the mail before this one", first.String())
	both(job(3)) // and no more
	m = last(3)
	if v := verified(t, js, m); v.Faulty > 0 || v.Entries != 50 {
		t.Errorf("after the outage: %+v", v)
	}

	// The tail is cut, behind which all looks well.
	s, err := js.Stream(t.Context(), event.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(50); seq >= 43; seq-- {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if v := verified(t, js, mailsTo(t, c, to[0])[1]); v.Faulty > 0 {
		t.Errorf("with an older head: %+v", v)
	}
	if v := verified(t, js, m); v.Faulty != 1 || !strings.Contains(fmt.Sprint(v.Faults), "cut off behind 42") {
		t.Errorf("a cut tail: %+v", v)
	}
	both(job(4))
	m = last(4)
	says(m, "THE TRAIL IS NOT WHOLE. Trail of usher on 2026-07-04: head 42", "is not there any more")
	if v := verified(t, js, m); v.Faulty != 1 {
		t.Errorf("with what the mail says of it: %+v", v)
	}
	both(job(5))
	says(last(5), "Trail of usher on 2026-07-05: head 42, 0 entries more")

	// All is written anew, and longer than before.
	m = mailsTo(t, c, to[0])[0]
	cfg := s.CachedInfo().Config
	if err := js.DeleteStream(t.Context(), event.StreamAudit); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	did(t, js, 60)
	if v := verified(t, js, m); v.Faulty != 1 || !strings.Contains(fmt.Sprint(v.Faults), "is not the entry of the head that was given") {
		t.Errorf("written anew: %+v", v)
	}
	both(job(6))
	says(last(6), "THE TRAIL IS NOT WHOLE. Trail of usher on 2026-07-06: head 60", "\n  42:")
}
