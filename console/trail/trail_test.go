package trail

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/streams"
	"usher/streams/streamstest"
)

func record(action string, n int) Record {
	return Record{ID: ksuid.New().String(), Action: action, What: map[string]string{FieldActor: "ann", FieldAt: time.Now().UTC().Format(time.RFC3339Nano), "user_id": fmt.Sprint("u-", n)}}
}

func stored(t *testing.T, js jetstream.JetStream) (out []Message) {
	t.Helper()
	err := streams.Read(t.Context(), js, event.StreamAudit, streams.Selection{}, func(m streams.Message, _ uint64) error {
		out = append(out, Message{m.Seq, m.Subject, m.Data})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func verify(all []Message, heads ...Head) Verdict {
	v := Verifier{Heads: heads}
	for _, m := range all {
		v.Next(m)
	}
	return v.End()
}

// Several consoles that write at once, some of whom give up and try again, make one whole
// chain with each record in it once, behind what an earlier version has left.
func TestManyWritersMakeOneChain(t *testing.T) {
	js, _ := streamstest.Start(t)
	for i := range 3 {
		if _, err := js.Publish(t.Context(), "audit.v1.signin", fmt.Appendf(nil, `{"actor":"admin","n":"%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	const writers, batches, size = 4, 6, 40
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			w := NewWriter(js)
			r := rand.New(rand.NewPCG(uint64(n), 17))
			for b := range batches {
				var left []Record
				for i := range size {
					left = append(left, record(fmt.Sprint("writer-", n), b*size+i))
				}
				for len(left) > 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+r.IntN(40))*time.Millisecond)
					done, err := w.Append(ctx, left)
					cancel()
					if left = left[done:]; err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	all := stored(t, js)
	v := verify(all)
	if v.Entries != 3+writers*batches*size || v.Early != 3 || v.Faulty > 0 {
		t.Errorf("%d entries, %d early, %d faults: %+v", v.Entries, v.Early, v.Faulty, v.Faults[:min(5, len(v.Faults))])
	}
	seen := map[string]int{}
	for _, m := range all[3:] {
		var e map[string]string
		if err := json.Unmarshal(m.Data, &e); err != nil {
			t.Fatal(err)
		}
		n := seen[e[FieldAction]]
		if e["user_id"] != fmt.Sprint("u-", n) {
			t.Fatalf("%s: %s comes as number %d", e[FieldAction], e["user_id"], n)
		}
		seen[e[FieldAction]]++
	}
}

// A hundred trails that are bent, each in another way, are all found out; the whole one
// is not, nor is one whose oldest entries have expired.
func TestABentTrailIsFound(t *testing.T) {
	js, _ := streamstest.Start(t)
	w := NewWriter(js)
	var records []Record
	for i := range 40 {
		records = append(records, record([]string{"decision", "signin", "reveal"}[i%3], i))
	}
	if n, err := w.Append(t.Context(), records); n != 40 || err != nil {
		t.Fatal(n, err)
	}
	whole := stored(t, js)
	head, ok := w.Head()
	if v := verify(whole, head); !ok || v.Faulty > 0 || v.Last != head {
		t.Fatalf("the whole trail: %+v, its head is %s", v, head)
	}
	if v := verify(whole[10:], head); v.Faulty > 0 || v.Anchor.Seq != 11 {
		t.Errorf("without its oldest entries: %+v", v)
	}
	kinds := map[string]func(r *rand.Rand, m []Message) []Message{
		"changed": func(r *rand.Rand, m []Message) []Message {
			i := r.IntN(len(m))
			m[i].Data = []byte(strings.Replace(string(m[i].Data), `"actor":"ann"`, fmt.Sprintf(`"actor":"eve%d"`, r.IntN(99)), 1))
			return m
		},
		"one byte": func(r *rand.Rand, m []Message) []Message {
			i := r.IntN(len(m))
			m[i].Data = slices.Clone(m[i].Data)
			m[i].Data[r.IntN(len(m[i].Data))] ^= 1 << r.IntN(7)
			return m
		},
		"another action": func(r *rand.Rand, m []Message) []Message {
			m[r.IntN(len(m))].Subject = "audit.v1.other"
			return m
		},
		"missing": func(r *rand.Rand, m []Message) []Message {
			i := 1 + r.IntN(len(m)-2)
			return slices.Delete(m, i, i+1+r.IntN(len(m)-1-i))
		},
		"missing, and numbered anew": func(r *rand.Rand, m []Message) []Message {
			i := 1 + r.IntN(len(m)-2)
			m = slices.Delete(m, i, i+1)
			for j := i; j < len(m); j++ {
				m[j].Seq--
			}
			return m
		},
		"two in the other order": func(r *rand.Rand, m []Message) []Message {
			i, j := r.IntN(len(m)/2), len(m)/2+r.IntN(len(m)/2)
			m[i].Data, m[j].Data, m[i].Subject, m[j].Subject = m[j].Data, m[i].Data, m[j].Subject, m[i].Subject
			return m
		},
		"a cut tail": func(r *rand.Rand, m []Message) []Message { return m[:1+r.IntN(len(m)-1)] },
		"put in": func(r *rand.Rand, m []Message) []Message {
			i := 1 + r.IntN(len(m)-1)
			forged := fmt.Appendf(nil, `{"action":"reveal","actor":"eve","prev":%q,"seq":"%d"}`, Hash(m[i-1].Subject, m[i-1].Data), m[i].Seq)
			m = slices.Insert(m, i, Message{m[i].Seq, "audit.v1.reveal", forged})
			for j := i + 1; j < len(m); j++ {
				m[j].Seq++
			}
			return m
		},
		"not chained": func(r *rand.Rand, m []Message) []Message {
			last := m[len(m)-1]
			return append(m[:len(m)-1], Message{last.Seq, "audit.v1.reveal", []byte(`{"action":"reveal","actor":"eve"}`)})
		},
		"written anew from a place on": func(r *rand.Rand, m []Message) []Message {
			i := r.IntN(len(m))
			for j := i; j < len(m); j++ {
				var e map[string]string
				_ = json.Unmarshal(m[j].Data, &e)
				if e["actor"] = "eve"; j > 0 {
					e[FieldPrev] = Hash(m[j-1].Subject, m[j-1].Data)
				}
				m[j].Data, _ = json.Marshal(e)
			}
			return m
		},
	}
	r := rand.New(rand.NewPCG(8, 17))
	for kind, bend := range kinds {
		for range 10 {
			bent := bend(r, slices.Clone(whole))
			if v := verify(bent, head); v.Faulty == 0 || len(v.Faults) == 0 {
				t.Errorf("%s: not found", kind)
			}
		}
	}
}

// Once more given, a record is stored once; and the next one tells of those that were
// lost.
func TestAppendAgain(t *testing.T) {
	js, _ := streamstest.Start(t)
	one, two := record("decision", 1), record("decision", 2)
	for range 2 {
		if n, err := NewWriter(js).Append(t.Context(), []Record{one}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	w := NewWriter(js)
	w.Missed(3)
	if n, err := w.Append(t.Context(), []Record{one, two}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	all := stored(t, js)
	if v := verify(all); len(all) != 2 || v.Faulty > 0 || v.Missed != 3 {
		t.Errorf("%d entries: %+v", len(all), v)
	}
	w.Missed(2)
	if n, err := w.Append(t.Context(), []Record{record("decision", 3)}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if v := verify(stored(t, js)); v.Missed != 5 || v.Faulty > 0 {
		t.Errorf("after two more were missed: %+v", v)
	}
}

// What is kept elsewhere of a head is read again, and nothing else is one.
func TestHeads(t *testing.T) {
	h := Head{17, Hash("audit.v1.x", nil)}
	if got, err := ParseHead(h.String()); err != nil || got != h {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"", "17", "17:ab", h.Hash, "x:" + h.Hash, strconv.Itoa(17) + ":" + h.Hash + "00"} {
		if _, err := ParseHead(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
