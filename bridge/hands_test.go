package bridge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/streamstest"
)

var quiet = slog.New(slog.DiscardHandler)

func seat(seq uint64) place { return place{event.ConsumerUsers, 1764000000000000000, seq} }

// dead leaves the notes of a bridge that died with these messages in hand.
func dead(t *testing.T, dir string, crashed string, inHand ...uint64) {
	t.Helper()
	h := openHands(dir, 8, quiet)
	for _, seq := range inHand {
		h.note(<-h.free, writeSlot(seat(seq)))
	}
	if err := os.WriteFile(filepath.Join(h.dir, crashFile), []byte(crashed), 0o600); err != nil {
		t.Fatal(err)
	}
	h.close()
}

func TestDeathsAreCountedAndTakenBack(t *testing.T) {
	const panicked = "panic: runtime error: index out of range"
	dir := t.TempDir()
	at := func(h *hands, seq uint64) string {
		return fmt.Sprint(h.deaths(seat(seq)), h.suspect(seat(seq)), h.deaths(seat(seq)).deadly())
	}
	check := func(what string, want map[uint64]string) {
		t.Helper()
		h := openHands(dir, 8, quiet)
		defer h.close()
		for seq, w := range want {
			if got := at(h, seq); got != w {
				t.Errorf("%s: message %d is %s, want %s", what, seq, got, w)
			}
		}
	}
	dead(t, dir, panicked, 1, 2)
	check("two in hand", map[uint64]string{1: "{0 1} true false", 2: "{0 1} true false", 3: "{0 0} false false"})
	check("a clean start since", map[uint64]string{1: "{0 1} true false"})
	dead(t, dir, "", 1, 3)
	check("a kill", map[uint64]string{1: "{0 1} true false", 3: "{0 0} true false"})
	dead(t, dir, "SIGQUIT: quit\nPC=0x1", 3)
	check("somebody wanted to see the stacks", map[uint64]string{3: "{0 0} true false"})
	for range 2 {
		dead(t, dir, panicked, 1)
	}
	check("alone", map[uint64]string{1: "{2 1} true false"})
	dead(t, dir, "fatal error: concurrent map writes", 1)
	check("alone once more", map[uint64]string{1: "{3 1} true true"})
	for range 9 {
		dead(t, dir, panicked, 2, 4)
	}
	check("ten in company", map[uint64]string{2: "{0 10} true true", 4: "{0 9} true false"})

	h := openHands(dir, 8, quiet)
	h.acquit(seat(1))
	if err := h.settled(event.ConsumerVerifications, time.Unix(0, seat(2).birth), 100); err != nil {
		t.Fatal(err)
	}
	if err := h.settled(event.ConsumerUsers, time.Unix(0, seat(2).birth), 2); err != nil {
		t.Fatal(err)
	}
	h.close()
	check("taken back", map[uint64]string{1: "{0 0} false false", 2: "{0 0} false false", 4: "{0 9} true false"})
	h = openHands(dir, 8, quiet)
	if err := h.settled(event.ConsumerUsers, time.Unix(0, seat(2).birth+1), 0); err != nil {
		t.Fatal(err)
	}
	h.close()
	check("another stream", map[uint64]string{4: "{0 0} false false"})
}

// A kill before the counts are written counts too little, and a note that is not
// whole counts nothing.
func TestTornNotesCountNothing(t *testing.T) {
	dir := t.TempDir()
	dead(t, dir, "panic: x", 1)
	own := filepath.Join(dir, "1")
	b, err := os.ReadFile(filepath.Join(own, handsFile))
	if err != nil {
		t.Fatal(err)
	}
	b[17] ^= 1 // of the sequence
	if err := errors.Join(os.WriteFile(filepath.Join(own, handsFile), b, 0o600), os.WriteFile(filepath.Join(own, deathsFile), []byte(`{"bridge-users/1/`), 0o600)); err != nil {
		t.Fatal(err)
	}
	h := openHands(dir, 8, quiet)
	defer h.close()
	if len(h.suspects) > 0 {
		t.Errorf("suspects: %v", h.suspects)
	}
}

func TestBridgesThatShareAFolderShareNoNotes(t *testing.T) {
	dir := t.TempDir()
	a, b := openHands(dir, 8, quiet), openHands(dir, 8, quiet)
	defer b.close()
	if a.dir == b.dir || a.free == nil || b.free == nil {
		t.Fatalf("they note in %q and %q", a.dir, b.dir)
	}
	a.close()
	c := openHands(dir, 8, quiet)
	defer c.close()
	if want := filepath.Join(dir, "1"); c.dir != want {
		t.Errorf("the next one notes in %s, want %s", c.dir, want)
	}
	// A folder that cannot be used stops no bridge.
	h := openHands(filepath.Join(dir, "1", lockFile), 8, quiet)
	h.acquire(seat(1))()
	h.accuse(seat(1))
	h.acquit(seat(1))
	h.close()
}

// While a message waits for a server it is in hand for JetStream, and not noted:
// the process may be killed meanwhile.
func TestWhatWaitsForAServerIsNotSuspect(t *testing.T) {
	r := newRig(t)
	in, out := make(chan struct{}, 9), make(chan struct{})
	r.hook(func(event.Onboarding) error { in <- struct{}{}; <-out; return context.DeadlineExceeded })
	dir := t.TempDir()
	hook := r.with
	r.with = func(c *Config) { hook(c); c.Dir = dir }
	r.user("r1", "u-1")
	stop := r.run()
	<-in
	b := r.bridge
	noted := func(want int) func() error {
		return func() error {
			left, err := b.hands.notes()
			if err != nil || len(left) != want {
				return fmt.Errorf("%v are noted, want %d (%v)", left, want, err)
			}
			return nil
		}
	}
	r.eventually(noted(1))
	close(out)
	r.eventually(noted(0))
	r.eventually(func() error {
		if b.Ready() == nil {
			return errors.New("the bridge says that it is ready")
		}
		return nil
	})
	stop()
	h := openHands(dir, 8, quiet)
	defer h.close()
	if len(h.suspects) > 0 {
		t.Errorf("suspects after a clean stop: %v", h.suspects)
	}
}

// child is a bridge in a process of its own, which may die.
type child struct {
	*exec.Cmd
	says *bufio.Reader
}

// childLives bounds the life of a child that does not do what is waited for.
const childLives = 30 * time.Second

// startChild starts the test of that name anew, as a child that serves url with
// its notes in dir.
func startChild(t *testing.T, test, url, dir, how string) *child {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), childLives)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$")
	c.Env = append(os.Environ(), "USHER_BRIDGE_URL="+url, "USHER_BRIDGE_DIR="+dir, "USHER_BRIDGE_HOW="+how)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() }) // gone already, mostly
	return &child{c, bufio.NewReader(out)}
}

// waitFor reads what the child says until it says that; it reports false when it
// died before.
func (c *child) waitFor(what string) bool {
	for {
		line, err := c.says.ReadString('\n')
		if strings.TrimSpace(line) == what {
			return true
		}
		if err != nil {
			return false
		}
	}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, c.says) }()
	_ = c.Wait() // killed
}

// mortal is Workflows of a child.
type mortal struct {
	Workflows
	how string
}

func (m mortal) Start(ctx context.Context, _ event.Identity, in event.Onboarding) error {
	fmt.Println("in hand")
	switch {
	case m.how == "frozen":
		<-ctx.Done()
		return ctx.Err()
	case in.UserID == "u-deadly":
		go func() { panic("no handler stops this") }()
		select {}
	}
	select {
	case <-time.After(rand.N(4 * time.Millisecond)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// live is the whole life of a child. It reports false in the parent.
func live(t *testing.T) bool {
	url := os.Getenv("USHER_BRIDGE_URL")
	if url == "" {
		return false
	}
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	_ = New(Config{
		JetStream: js, People: people, Workflows: mortal{how: os.Getenv("USHER_BRIDGE_HOW")}, Publisher: streams.NewPublisher(js, shared),
		Settings: event.DefaultSettings(), Metrics: metrics.NewBridge(reg, shared), Log: quiet, AckWait: time.Second, Workers: 8, Dir: os.Getenv("USHER_BRIDGE_DIR"),
	}).Run(t.Context())
	return true
}

func newMortalRig(t *testing.T) (r *rig, url, dir string) {
	t.Helper()
	js, url := streamstest.Start(t)
	return &rig{T: t, js: js}, url, t.TempDir()
}

// allDone waits until no message of USERS is left, with a child that lives, and
// returns what was told.
func (r *rig) allDone(seq uint64) (facts map[string]int, letters []string) {
	r.Helper()
	r.within(time.Minute, func() error {
		c, err := r.js.Consumer(context.Background(), event.StreamUsers, event.ConsumerUsers)
		if err != nil {
			return err
		}
		if i := c.CachedInfo(); i.AckFloor.Stream != seq {
			return fmt.Errorf("done up to %d of %d", i.AckFloor.Stream, seq)
		}
		return nil
	})
	facts = map[string]int{}
	for _, f := range r.facts() {
		facts[f]++
	}
	return facts, r.messages(event.StreamDeadLetters, "deadletters.v1.")
}

// However often and whenever a bridge is killed, no message becomes a dead letter
// for it: here while it works, and each time with the same messages in hand while
// Temporal is frozen.
func TestAKillMakesNoDeadLetter(t *testing.T) {
	if live(t) {
		return
	}
	for _, how := range []string{"frozen alone", "frozen", "working"} {
		t.Run(how, func(t *testing.T) {
			r, url, dir := newMortalRig(t)
			n := 300
			if how == "frozen alone" {
				n = 1
			}
			r.users(n)
			kills := mostTogether + 2
			for range kills {
				c := startChild(t, "TestAKillMakesNoDeadLetter", url, dir, strings.Fields(how)[0])
				if !c.waitFor("in hand") {
					t.Fatal("the bridge has nothing in hand, or died by itself")
				}
				if how == "working" {
					for range rand.N(n / kills) { // a random moment, before all are done with
						if !c.waitFor("in hand") {
							t.Fatal("the bridge has nothing in hand, or died by itself")
						}
					}
				}
				c.kill(t)
			}
			c := startChild(t, "TestAKillMakesNoDeadLetter", url, dir, "")
			go func() { _, _ = io.Copy(io.Discard, c.says) }()
			facts, letters := r.allDone(uint64(n))
			if len(letters) > 0 || facts["started"] != n {
				t.Errorf("after %d kills %v of %d started, dead letters %v", kills, facts, n, letters)
			}
		})
	}
}

// A message that ends the process is found out: it does so once in company and
// three times alone, then it is a dead letter. All others get through.
func TestAMessageThatEndsTheProcessIsFoundOut(t *testing.T) {
	if live(t) {
		return
	}
	r, url, dir := newMortalRig(t)
	r.users(50)
	r.user("r-deadly", "u-deadly")
	for i := range 50 {
		r.user(fmt.Sprint("s", i), fmt.Sprint("v-", i))
	}
	deaths := 0
	for {
		c := startChild(t, "TestAMessageThatEndsTheProcessIsFoundOut", url, dir, "")
		died := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, c.says)
			close(died)
		}()
		buried := make(chan struct{})
		go func() {
			defer close(buried)
			for len(r.messages(event.StreamDeadLetters, "")) == 0 {
				select {
				case <-died:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}()
		<-buried
		if len(r.messages(event.StreamDeadLetters, "")) > 0 {
			break
		}
		<-died
		if deaths++; deaths > 2*mostAlone {
			t.Fatalf("the process died %d times", deaths)
		}
		_ = c.Wait() // it panicked
	}
	facts, letters := r.allDone(101)
	if d := cmp.Diff([]string{"USERS.exhausted"}, letters); d != "" {
		t.Errorf("dead letters (-want +got)\n%s", d)
	}
	if facts["started"] != 100 {
		t.Errorf("%v of 100 started", facts)
	}
	if deaths < mostAlone || deaths > mostAlone+1 {
		t.Errorf("it took %d deaths", deaths)
	}
}
