package streams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/streams/natstest"
)

// filled makes a stream with so many messages, 1 to n, on the subjects s.0 to s.9.
func filled(t *testing.T, js jetstream.JetStream, cfg jetstream.StreamConfig, n int) jetstream.Stream {
	t.Helper()
	cfg.Name, cfg.Subjects, cfg.Storage = "S", []string{"s.*"}, jetstream.FileStorage
	s, err := js.CreateStream(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := js.PublishAsync(fmt.Sprint("s.", i%10), fmt.Append(nil, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	return s
}

// consumers are how many the stream has.
func consumers(t *testing.T, s jetstream.Stream) int {
	t.Helper()
	i, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i.State.Consumers
}

// within is a context that ends long before a test does, but long after a reading.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestReadSelects(t *testing.T) {
	js := start(t)
	s := filled(t, js, jetstream.StreamConfig{}, 1800) // more than three pulls
	middle, err := s.GetMsg(t.Context(), 900)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		sel         Selection
		enough      uint64
		n           int
		all         uint64
		first, last uint64
	}{
		"everything":      {sel: Selection{}, n: 1800, all: 1800, first: 1, last: 1800},
		"one subject":     {sel: Selection{Subjects: []string{"s.3"}}, n: 180, all: 180, first: 4, last: 1794},
		"two subjects":    {sel: Selection{Subjects: []string{"s.3", "s.4"}}, n: 360, all: 360, first: 4, last: 1795},
		"from a sequence": {sel: Selection{From: 1701}, n: 100, all: 100, first: 1701, last: 1800},
		"from a time":     {sel: Selection{Since: middle.Time}, n: 901, all: 901, first: 900, last: 1800},
		"enough":          {sel: Selection{}, enough: 700, n: 700, all: 1800, first: 1, last: 700},
		"nothing":         {sel: Selection{Subjects: []string{"s.x"}}},
		"beyond the end":  {sel: Selection{From: 5000}},
	} {
		t.Run(name, func(t *testing.T) {
			var n int
			var first, last, all uint64
			err := Read(within(t, 20*time.Second), js, "S", tc.sel, func(m Message, of uint64) error {
				if n++; n == 1 {
					first, all = m.Seq, of
				}
				last = m.Seq
				if string(m.Data) != fmt.Sprint(m.Seq) || m.Subject != fmt.Sprint("s.", (m.Seq-1)%10) || time.Since(m.Stored) > time.Minute {
					t.Errorf("%+v", m)
				}
				if m.Seq == tc.enough {
					return ErrEnough
				}
				return nil
			})
			if err != nil || n != tc.n || all != tc.all || first != tc.first || last != tc.last {
				t.Errorf("%d of %d, %d to %d, %v; want %+v", n, all, first, last, err, tc)
			}
			if n := consumers(t, s); n != 0 {
				t.Errorf("%d consumers are left behind", n)
			}
		})
	}
	failed := errors.New("it cannot be used")
	if err := Read(t.Context(), js, "S", Selection{}, func(Message, uint64) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := Read(ctx, js, "S", Selection{}, func(m Message, _ uint64) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a reading that was given up: %v", err)
	}
	if n := consumers(t, s); n != 0 {
		t.Errorf("%d consumers are left behind by readings that ended early", n)
	}
	if err := Read(t.Context(), js, "T", Selection{}, nil); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("of no stream: %v", err)
	}
}

// What was there may be deleted before it is read, the last messages too. A
// regression of issue 14: the reading waited for ever.
func TestReadEndsWhenTheLastMessagesAreDeleted(t *testing.T) {
	js := start(t)
	for _, latest := range []bool{false, true} {
		s := filled(t, js, jetstream.StreamConfig{}, 1500)
		n := 0
		err := Read(within(t, 20*time.Second), js, "S", Selection{Latest: latest}, func(m Message, _ uint64) error {
			if n++; m.Seq == 500 { // all that were asked for at first
				return s.Purge(t.Context())
			}
			return nil
		})
		if err != nil || n != 500 {
			t.Errorf("%d messages, %v", n, err)
		}
		if err := js.DeleteStream(t.Context(), "S"); err != nil {
			t.Fatal(err)
		}
	}
}

// What is written while it is read comes only where it may replace what was there.
func TestReadEnds(t *testing.T) {
	js := start(t)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "B"})
	if err != nil {
		t.Fatal(err)
	}
	const n = readAtOnce + 10
	put := func(key int) {
		if _, err := kv.Put(t.Context(), fmt.Sprint(key), nil); err != nil {
			t.Fatal(err)
		}
	}
	for key := range n {
		put(key)
	}
	for _, tc := range []struct {
		latest bool
		n      int
		last   uint64
	}{{false, n - 1, n - 1}, {true, n, n + 2}} { // each writes the last key anew
		got, last := 0, uint64(0)
		err := Read(within(t, 20*time.Second), js, "KV_B", Selection{Latest: tc.latest}, func(m Message, _ uint64) error {
			if got++; got == 1 {
				put(n - 1)
			}
			last = m.Seq
			return nil
		})
		if err != nil || got != tc.n || last != tc.last {
			t.Errorf("%d messages up to %d, %v; want %+v", got, last, err, tc)
		}
	}
}

// A message that looks like an answer of the server is a message: any sender who may
// publish a decision may send one.
func TestReadTakesNoMessageForAnAnswer(t *testing.T) {
	js := start(t)
	filled(t, js, jetstream.StreamConfig{}, 1)
	for _, status := range []string{"100", "404", "408", "409", "503"} {
		m := &nats.Msg{Subject: "s.1", Header: nats.Header{"Status": {status}, "Description": {"Consumer Deleted"}}}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	err := Read(within(t, 20*time.Second), js, "S", Selection{}, func(m Message, _ uint64) error { got += m.Header.Get("Status") + " "; return nil })
	if want := " 100 404 408 409 503 "; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// A reading goes on from where it was when its consumer, or the whole server, is
// gone for a while.
func TestReadSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	s := natstest.Run(t, dir, server.RANDOM_PORT)
	port := s.Addr().(*net.TCPAddr).Port
	nc, err := nats.Connect(s.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream := filled(t, js, jetstream.StreamConfig{}, 1600)
	var seqs []uint64
	err = Read(within(t, time.Minute), js, "S", Selection{}, func(m Message, _ uint64) error {
		seqs = append(seqs, m.Seq)
		switch m.Seq {
		case 200:
			l := stream.ListConsumers(t.Context())
			for c := range l.Info() {
				if err := stream.DeleteConsumer(t.Context(), c.Name); err != nil {
					return err
				}
			}
		case 900:
			s.Shutdown()
			s.WaitForShutdown()
			s = natstest.Run(t, dir, port)
		}
		return nil
	})
	if err != nil || len(seqs) != 1600 || seqs[1599] != 1600 {
		t.Errorf("%d messages, %v", len(seqs), err)
	}
}
