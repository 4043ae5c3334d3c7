package bridge

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"usher/disk"
	"usher/event"
)

// A message on which usher dies must not make it die again and again. What is in
// hand is noted in a file while its handler runs, and the note goes when the
// handler returned, whatever it returned: then it killed nothing. A bridge that
// finds notes when it starts knows that the one before it died meanwhile.
//
// Of several messages in hand at a death one may be the cause. So each of them is
// handled while no other message is, until its handler has returned once.
// A message gives usher three deaths when it was the only one in hand and ten in
// company; then it is kept as a dead letter. Any return of its handler takes
// them back. Only deaths of the Go runtime's own count, which leaves word of them:
// a kill from outside says nothing of what was in hand. (ingest does the same for
// files.)
const (
	mostAlone    = 3
	mostTogether = 10
)

// place is a message for ever: a stream made anew counts from 1 again.
type place struct {
	consumer string
	birth    int64 // of the stream, in nanoseconds since 1970
	seq      uint64
}

func (p place) String() string { return fmt.Sprintf("%s/%d/%d", p.consumer, p.birth, p.seq) }

// toll counts the deaths of usher while a message was in hand.
type toll struct {
	Alone    int `json:"alone,omitempty"`    // with no other message in hand
	Together int `json:"together,omitempty"` // with others
}

func (t toll) deadly() bool { return t.Alone >= mostAlone || t.Together >= mostTogether }

// hands are what a bridge has in hand, also as a file that outlives it.
type hands struct {
	log  *slog.Logger
	one  sync.RWMutex // held by each message in hand, for writing by a suspect
	dir  string       // "" when nothing outlives the process
	lock *os.File     // with the system's lock on it
	file *os.File     // one slot a message
	free chan int     // slots
	once sync.Once

	mu       sync.Mutex
	suspects map[place]toll
}

// The files of a bridge, in a folder of its own below that of all bridges which
// share a data folder.
const (
	lockFile   = "lock"
	handsFile  = "hands"
	deathsFile = "deaths"
	crashFile  = "crash" // what the Go runtime says when it ends the process
)

// mostBridges is how many processes may share a data folder.
const mostBridges = 64

// slotSize is that of a note: consumer, birth, sequence, checksum.
const slotSize = 32

// openHands reads what was in hand at the last death in dir, and notes from now on
// what is, up to so many messages. Without a folder, or with one that cannot be
// used, only panics are remembered, and only by this process.
func openHands(dir string, most int, log *slog.Logger) *hands {
	h := &hands{log: log, suspects: map[place]toll{}}
	if dir == "" {
		return h
	}
	if err := h.open(dir, most); err != nil {
		h.close()
		log.Warn("what is in hand is not noted: a message that ends usher is not found out", "error", err)
	}
	return h
}

func (h *hands) open(dir string, most int) (err error) {
	for i := 1; h.lock == nil; i++ {
		if i > mostBridges {
			return fmt.Errorf("%s is used by %d bridges already", dir, mostBridges)
		}
		h.dir = filepath.Join(dir, strconv.Itoa(i))
		if err := os.MkdirAll(h.dir, 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(h.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		switch err := disk.Lock(f); {
		case err == nil:
			h.lock = f
		case errors.Is(err, disk.ErrLocked):
			_ = f.Close()
		default:
			return errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		}
	}
	if h.file, err = os.OpenFile(filepath.Join(h.dir, handsFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := h.autopsy(); err != nil {
		return err
	}
	if err := h.file.Truncate(0); err != nil {
		return err
	}
	// Written once, so that no later note finds the disk full.
	if _, err := h.file.WriteAt(make([]byte, most*slotSize), 0); err != nil {
		return err
	}
	h.free = make(chan int, most)
	for i := range most {
		h.free <- i
	}
	return nil
}

// autopsy counts the death of the bridge that left notes, and makes what it had
// in hand suspect.
func (h *hands) autopsy() error {
	crashed, err := h.crashed()
	if err != nil {
		return err
	}
	deaths := map[string]toll{}
	if b, err := os.ReadFile(filepath.Join(h.dir, deathsFile)); err == nil {
		_ = json.Unmarshal(b, &deaths) // a torn one counts nothing
	}
	for name, t := range deaths {
		if p, ok := parsePlace(name); ok {
			h.suspects[p] = t
		}
	}
	left, err := h.notes()
	if err != nil || len(left) == 0 {
		return err
	}
	for _, p := range left {
		t := h.suspects[p]
		switch {
		case !crashed:
		case len(left) == 1:
			t.Alone++
		default:
			t.Together++
		}
		h.suspects[p] = t
	}
	h.log.Warn("the bridge before this one died: the messages that it had in hand are taken one at a time", "messages", len(left), "crashed", crashed)
	return h.write()
}

// crashed tells whether the process before ended by itself, and asks the runtime
// to say so of this one. It forgets before anything is counted: a kill in between
// counts too little, never too much.
//
// The runtime has one such file in a process; of several bridges in one the last
// has it.
func (h *hands) crashed() (bool, error) {
	f, err := os.OpenFile(filepath.Join(h.dir, crashFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close() // the runtime has a copy
	said := make([]byte, 16)
	n, _ := f.ReadAt(said, 0) // an empty one is the normal case
	if err := f.Truncate(0); err != nil {
		return false, err
	}
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return false, err
	}
	s := string(said[:n])
	return n > 0 && !asked(s), nil
}

// notes are the messages that were in hand.
func (h *hands) notes() (left []place, err error) {
	b, err := os.ReadFile(h.file.Name())
	if err != nil {
		return nil, err
	}
	for ; len(b) >= slotSize; b = b[slotSize:] {
		if p, ok := readSlot(b[:slotSize]); ok {
			left = append(left, p)
		}
	}
	return left, nil
}

// consumers are numbered in slots; 0 is an empty slot.
var consumers = []string{"", event.ConsumerUsers, event.ConsumerVerifications}

func writeSlot(p place) []byte {
	b := make([]byte, slotSize)
	for i, name := range consumers {
		if name == p.consumer {
			b[0] = byte(i)
		}
	}
	binary.LittleEndian.PutUint64(b[8:], uint64(p.birth))
	binary.LittleEndian.PutUint64(b[16:], p.seq)
	binary.LittleEndian.PutUint32(b[24:], crc32.ChecksumIEEE(b[:24]))
	return b
}

func readSlot(b []byte) (p place, ok bool) {
	if b[0] == 0 || int(b[0]) >= len(consumers) || binary.LittleEndian.Uint32(b[24:]) != crc32.ChecksumIEEE(b[:24]) {
		return place{}, false
	}
	return place{consumers[b[0]], int64(binary.LittleEndian.Uint64(b[8:])), binary.LittleEndian.Uint64(b[16:])}, true
}

func parsePlace(s string) (p place, ok bool) {
	t := strings.Split(s, "/")
	if len(t) != 3 {
		return place{}, false
	}
	birth, err1 := strconv.ParseInt(t[1], 10, 64)
	seq, err2 := strconv.ParseUint(t[2], 10, 64)
	return place{t[0], birth, seq}, err1 == nil && err2 == nil
}

// acquire notes that a message is in hand until done. A suspect waits until no other
// is, and no other begins meanwhile.
func (h *hands) acquire(p place) (done func()) {
	unlock := h.one.RUnlock
	if h.suspect(p) {
		unlock = h.one.Unlock
		h.one.Lock()
	} else {
		h.one.RLock()
	}
	if h.free == nil {
		return unlock
	}
	slot := <-h.free // there is one for each hand
	h.note(slot, writeSlot(p))
	return func() {
		h.note(slot, make([]byte, slotSize))
		h.free <- slot
		unlock()
	}
}

func (h *hands) note(slot int, b []byte) {
	if _, err := h.file.WriteAt(b, int64(slot)*slotSize); err != nil {
		h.once.Do(func() {
			h.log.Warn("what is in hand cannot be noted: a message that ends usher is not found out", "error", err)
		})
	}
}

func (h *hands) suspect(p place) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, yes := h.suspects[p]
	return yes
}

// deaths are those of usher over p.
func (h *hands) deaths(p place) toll {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.suspects[p]
}

// accuse makes p be handled alone, because the bridge has panicked on it.
func (h *hands) accuse(p place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, yes := h.suspects[p]; !yes {
		h.suspects[p] = toll{}
	}
}

// acquit forgets what was said of p: its handler has returned, or it is done with.
func (h *hands) acquit(p place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, yes := h.suspects[p]
	if !yes {
		return
	}
	delete(h.suspects, p)
	if t != (toll{}) {
		if err := h.write(); err != nil {
			h.log.Warn("a count of deaths is not taken back", "consumer", p.consumer, "seq", p.seq, "error", err)
		}
	}
}

// settled forgets the messages of a consumer that all bridges are done with: those
// of another stream, and those up to the floor.
func (h *hands) settled(consumer string, birth time.Time, floor uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	counted := false
	for p, t := range h.suspects {
		if p.consumer == consumer && (p.birth != birth.UnixNano() || p.seq <= floor) {
			delete(h.suspects, p)
			counted = counted || t != (toll{})
		}
	}
	if !counted {
		return nil
	}
	return h.write()
}

// write keeps the counts.
func (h *hands) write() error {
	if h.dir == "" {
		return nil
	}
	deaths := map[string]toll{}
	for p, t := range h.suspects {
		if t != (toll{}) {
			deaths[p.String()] = t
		}
	}
	b, err := json.Marshal(deaths)
	if err != nil {
		return err
	}
	return disk.Write(filepath.Join(h.dir, deathsFile), b, 0o600)
}

// close gives the folder to the next bridge. What is still in hand stays noted.
func (h *hands) close() {
	h.free, h.dir = nil, ""
	for _, f := range []*os.File{h.file, h.lock} {
		if f != nil {
			_ = f.Close() // nothing is buffered
		}
	}
}
