package notify

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/event"
)

// shaped is a mail server within a bubble of synctest: it takes its time, and says
// of each recipient what refuse says, "" to take the message.
type shaped struct {
	takes  time.Duration // a message
	refuse func(to string, tries int) string
	atDot  bool                         // it refuses only after the final dot
	starts func(user int) time.Duration // when their message is wanted; nil: at once

	mu    sync.Mutex
	tries map[string]int         // of each recipient
	got   map[string][]time.Time // acceptances
	asked []time.Time            // of every RCPT
}

func (s *shaped) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go s.talk(theirs)
	return ours, nil
}

func (s *shaped) talk(conn net.Conn) {
	defer conn.Close()
	in, to := bufio.NewReader(conn), ""
	fmt.Fprint(conn, "220 shaped\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "RCPT":
			_, to, _ = strings.Cut(strings.TrimSpace(line), "<")
			to, _, _ = strings.Cut(to, ">")
			fmt.Fprintf(conn, "%s\r\n", s.rcpt(to))
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			time.Sleep(s.takes)
			if s.atDot {
				if said := s.refuse(to, s.tried(to)); said != "" {
					fmt.Fprintf(conn, "%s\r\n", said)
					continue
				}
			}
			s.mu.Lock()
			s.got[to] = append(s.got[to], time.Now())
			s.mu.Unlock()
			fmt.Fprint(conn, "250 2.0.0 queued as Q1\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
	}
}

func (s *shaped) rcpt(to string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[to]++
	s.asked = append(s.asked, time.Now())
	if s.refuse == nil || s.atDot {
		return "250 fine"
	}
	if said := s.refuse(to, s.tries[to]); said != "" {
		return said
	}
	return "250 fine"
}

func (s *shaped) tried(to string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries[to]
}

// welcome sends to n users at once, as the worker does: up to 100 at a time, each
// tried again when its error says. It returns when each user's message was accepted, or
// has failed.
func (s *shaped) welcome(t *testing.T, n int) (r *receiving, accepted []time.Time) {
	t.Helper()
	s.tries, s.got = map[string]int{}, map[string][]time.Time{}
	r = newReceiving(t, "mail.example.org:25", "http://"+nowhere, func(c *Config) { c.Providers.Email[0].Dial = s.dial })
	hands := make(chan struct{}, 100)
	accepted = make([]time.Time, n)
	began := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			q := requestTo(i)
			q.Backoff = func(failed int) time.Duration { return min(2*time.Second<<(failed-1), 15*time.Minute) }
			if s.starts != nil {
				time.Sleep(s.starts(i))
			}
			for {
				hands <- struct{}{}
				_, err := r.Send(t.Context(), q)
				<-hands
				if err == nil || event.IsPermanent(err) {
					accepted[i] = time.Now()
					return
				}
				pause, ok := event.RetryDelay(err)
				if !ok || time.Since(began) > 24*time.Hour {
					t.Errorf("user %d: no next try, or none that helps: %v", i, err)
					return
				}
				time.Sleep(pause)
			}
		})
	}
	all.Wait()
	return r, accepted
}

func (s *shaped) check(t *testing.T, r *receiving, n int) (first, last time.Time) {
	t.Helper()
	for i := range n {
		got := s.got[fmt.Sprintf("user%d@example.org", i)]
		if len(got) != 1 {
			t.Fatalf("user %d has %d messages", i, len(got))
		}
		if first.IsZero() || got[0].Before(first) {
			first = got[0]
		}
		if got[0].After(last) {
			last = got[0]
		}
	}
	if len(r.suppressed) > 0 {
		t.Errorf("%d are suppressed", len(r.suppressed))
	}
	return first, last
}

// A figure of issue 19: 300 users, and a provider that refuses everybody for its own
// reason until that is mended. Each gets one message, a probe comes within 30 s of
// the mend, and the rest takes at most 1.2 times what it takes without trouble.
func TestNobodyIsLostToAProvidersTrouble(t *testing.T) {
	const users = 300
	var whole time.Duration
	synctest.Test(t, func(t *testing.T) {
		s := &shaped{takes: 200 * time.Millisecond}
		began := time.Now()
		r, _ := s.welcome(t, users)
		_, last := s.check(t, r, users)
		whole = last.Sub(began)
	})
	for _, reply := range []string{
		"504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
		"550 5.1.0 something that no table has", "554 relay not permitted", "550 5.7.1 it looks like spam",
		"550 5.4.5 Daily user sending limit exceeded", "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.example",
	} {
		for _, trouble := range []time.Duration{3 * time.Second, 47 * time.Second, 11 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				mended := time.Now().Add(trouble)
				s := &shaped{takes: 200 * time.Millisecond, refuse: func(string, int) string {
					if time.Now().Before(mended) {
						return reply
					}
					return ""
				}}
				r, _ := s.welcome(t, users)
				first, last := s.check(t, r, users)
				probe := first
				for _, at := range s.asked {
					if !at.Before(mended) && at.Before(probe) {
						probe = at
					}
				}
				if d := probe.Sub(mended); d > 30*time.Second {
					t.Errorf("%s for %v: the probe comes %v after the mend", reply, trouble, d)
				}
				if d := last.Sub(first); d > whole*12/10 {
					t.Errorf("%s for %v: from the first acceptance on it takes %v, without trouble %v", reply, trouble, d, whole)
				}
			})
		}
	}
}

// A figure of issue 19: greylisting of each recipient's first try. All go out at the
// second, and whom it does not greylist never waits.
func TestGreylistingPutsOffOnlyItsOwn(t *testing.T) {
	for reply, atDot := range map[string]bool{
		"450 4.7.1 Greylisted": false, "451 4.7.1 please come back in 00:01:00": false, "450 4.2.0 Greylisted for 300 seconds": false, "451 4.7.1 Greylisting in action": true,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &shaped{takes: 100 * time.Millisecond, atDot: atDot, refuse: func(to string, tries int) string {
				if tries == 1 && !strings.HasPrefix(to, "user2") { // 11 of 30 are known to it
					return reply
				}
				return ""
			}}
			began := time.Now()
			r, accepted := s.welcome(t, 30)
			s.check(t, r, 30)
			for i, at := range accepted {
				to := fmt.Sprintf("user%d@example.org", i)
				known := strings.HasPrefix(to, "user2")
				if want := map[bool]int{true: 1, false: 2}[known]; s.tries[to] != want {
					t.Errorf("%s, %s: %d tries", reply, to, s.tries[to])
				}
				if known && at.Sub(began) > time.Second {
					t.Errorf("%s, %s waited for %v", reply, to, at.Sub(began))
				}
			}
		})
	}
}
