package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	stdsmtp "net/smtp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"usher/event"
)

// told is a guard, and what it was told of.
type told struct {
	mu   sync.Mutex
	says []string
}

func (s *told) guard(p *event.PanicError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = append(s.says, p.Where+": "+p.Kind)
}

func (s *told) list() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.says, ", ")
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := Listen("--addr", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What is in hand at a stop is answered; then the port is free.
func TestAStopLetsWhatIsInHandFinish(t *testing.T) {
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Until(ctx, nil, l, Web(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			stop()
			<-ctx.Done()
			_, _ = io.WriteString(w, "answered")
		})))
	}()
	r, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); string(b) != "answered" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	_ = again.Close()
}

// A context that has ended before the server has begun leaves nothing open, whatever
// the library does with a stop that it did not expect.
func TestAStopBeforeTheStart(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, s := range map[string]Server{"http": Web(http.NotFoundHandler()), "smtp": SMTP(nil, nil)} {
		l := listen(t)
		if err := Until(over, nil, l, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the listener is open: %v", name, err)
		}
	}
}

// broken is a listener that panics.
type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { panic("ann@example.org") }

// A listener that panics is told of and ends its server, and not the process.
func TestAListenerThatPanics(t *testing.T) {
	for name, s := range map[string]Server{"http": Web(http.NotFoundHandler()), "smtp": SMTP(nil, nil)} {
		said := &told{}
		err := Until(t.Context(), said.guard, broken{listen(t)}, s)
		if event.Panicked(err) == nil || strings.Contains(err.Error(), "ann@") || said.list() != "serving: string" {
			t.Errorf("%s: %v, told: %s", name, err, said.list())
		}
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	l := listen(t)
	defer l.Close()
	_, err := Listen("--ops-addr", l.Addr().String())
	if err == nil || !strings.HasPrefix(err.Error(), "--ops-addr "+l.Addr().String()+": address already in use; stop what uses it, or give another address") {
		t.Errorf("%v", err)
	}
}

// fragile panics where it is told.
type fragile struct {
	where string
	got   string
}

func (f *fragile) breaks(where string) error {
	if f.where == where {
		f.where = ""
		panic("ann@example.org")
	}
	return nil
}
func (f *fragile) Mail(string, *smtp.MailOptions) error { return f.breaks("mail") }
func (f *fragile) Rcpt(string, *smtp.RcptOptions) error { return f.breaks("rcpt") }
func (f *fragile) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	f.got = string(b)
	return errors.Join(err, f.breaks("data"))
}
func (f *fragile) Reset()        { _ = f.breaks("reset") }
func (f *fragile) Logout() error { return f.breaks("logout") }

// A session that panics makes its client try again, is told of, and leaves the
// others alone.
func TestASessionThatPanics(t *testing.T) {
	for _, where := range []string{"begin", "mail", "rcpt", "data", "reset", "logout"} {
		t.Run(where, func(t *testing.T) {
			said, f := &told{}, &fragile{where: where}
			l := listen(t)
			s := SMTP(said.guard, func(*smtp.Conn) (smtp.Session, error) { return f, f.breaks("begin") })
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- Until(ctx, said.guard, l, s) }()
			send := func() error {
				return stdsmtp.SendMail(l.Addr().String(), nil, "a@example.org", []string{"b@example.org"}, []byte("Subject: x\r\n\r\ny\r\n"))
			}
			err := send()
			// net/smtp says HELO after an EHLO that failed.
			if before := where == "begin" || where == "reset" || where == "logout"; before != (err == nil) || err != nil && (!strings.HasPrefix(err.Error(), "4") || strings.Contains(err.Error(), "ann@")) {
				t.Errorf("the client is told %v", err)
			}
			if err := send(); err != nil {
				t.Errorf("the next one: %v", err)
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if said.list() != "answering a mail server: string" {
				t.Errorf("told: %q", said.list())
			}
		})
	}
}
