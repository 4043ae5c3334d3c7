package notify

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// debianKannel is Debian's, with the fake SMSC that comes with it. That prints what
// it gets, and runs while the file online is there.
func debianKannel(user string) private {
	return private{
		packages: []string{"kannel", "kannel-extras"},
		etc: map[string]string{"kannel.conf": `group = core
admin-port = $PORT3
admin-password = admin
smsbox-port = $PORT4
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = $PORT2
connect-allow-ip = 127.0.0.1
allowed-prefix = "+49;49"

group = smsbox
smsbox-id = box
bearerbox-host = 127.0.0.1
sendsms-port = $PORT

group = sms-service
keyword = default
text = "nothing"
max-messages = 0

group = sendsms-user
username = usher
password = s3cret
` + user},
		run: `bearerbox -v 2 /etc/kannel.conf &
echo $PORT3 >$DIR/admin
touch $DIR/online
(while sleep 0.1; do
	[ -e $DIR/online ] || continue
	/usr/lib/kannel/test/fakesmsc -i 3600 -r $PORT2 "1 2 text hello" & smsc=$!
	while [ -e $DIR/online ] && kill -0 $smsc 2>&-; do sleep 0.1; done
	kill $smsc 2>&- || true
done) &
until bash -c '</dev/tcp/127.0.0.1/$PORT4' 2>&-; do sleep 0.1; done
smsbox -v 2 /etc/kannel.conf
`,
	}
}

// kannelRig sends to that Kannel and takes its reports.
func kannelRig(t *testing.T, s *started, change ...func(*HTTPConfig)) *receiving {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := "http://" + l.Addr().String()
	r := newReceiving(t, nowhere, "http://"+s.addr, func(c *Config) {
		c.ReceiptsURL = own
		c.Providers.SMS = []HTTPConfig{{Name: "kannel", Preset: "kannel", Base: "http://" + s.addr, Account: "usher", Secret: "s3cret", From: "ACME"}}
		c.Providers.SMS[0].Said = func(words string) { t.Log(words) }
		for _, f := range change {
			f(&c.Providers.SMS[0])
		}
	})
	h := HTTPReceipts{Receipts: r.receipts, URL: own, Seals: testKey}
	whileTesting(t, func(ctx context.Context) error { return h.Serve(ctx, l) })
	return r
}

const longText = "Ольга-Александра Константинопольская-Мещерякова 🎉" // as a name; the text takes two segments

// through sends a text that takes two segments, once the SMSC is connected.
func through(t *testing.T, r *receiving) {
	t.Helper()
	q := request(event.ChannelSMS)
	q.Name, q.Phone = longText, "+4915112345678"
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		sent, err := r.Send(t.Context(), q)
		if err == nil {
			return
		}
		if sent.State != "" || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", sent, err)
		}
	}
}

// delivered waits for the report, and returns in how many parts the text arrived: as many
// as are wanted, when the SMSC tells of them in a while, which may be behind the report.
func (s *started) delivered(t *testing.T, r *receiving, parts int) (n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.entry(event.ChannelSMS).State != event.SendDelivered; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no report: %+v, %v", r.entry(event.ChannelSMS), r.results("sms"))
		}
	}
	for deadline := time.Now().Add(10 * time.Second); n != parts && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		n = strings.Count(s.log.String(), ": <ACME +4915112345678 ")
	}
	return n
}

// Kannel from end to end: a text arrives whole at the SMSC, and its report at usher.
// A number without a route stops nobody else's, and a wrong password is told apart.
func TestRealKannel(t *testing.T) {
	s := debianKannel("max-messages = 5\nconcatenation = true\n").start(t)
	r := kannelRig(t, s)
	through(t, r)
	if n := s.delivered(t, r, 2); n != 2 {
		t.Errorf("it arrives in %d parts", n)
	}
	for i, to := range []string{"+33612345678", "+4915112345679", "+33612345679", "+4915112345670"} {
		q := request(event.ChannelSMS)
		q.UserID, q.Phone = "u-"+to, to
		sent, err := r.Send(t.Context(), q)
		if refused := i%2 == 0; (err != nil) != refused || refused && (sent.State != "" || !strings.Contains(err.Error(), ReasonNoRoute)) {
			t.Errorf("%s: %+v, %v", to, sent, err)
		}
	}
	if len(r.suppressed) > 0 {
		t.Error("a number is suppressed")
	}
	good, err := r.Probe(t.Context(), event.ChannelSMS, "")
	if err != nil || good[0].Reason != "" || !strings.Contains(good[0].Dialog, "Missing receiver number") || strings.Contains(good[0].Dialog, "s3cret") {
		t.Errorf("a probe: %+v, %v", good, err)
	}

	r = kannelRig(t, s, func(c *HTTPConfig) { c.Secret = "wrong" })
	if sent, err := r.Send(t.Context(), request(event.ChannelSMS)); sent.State != "" || !event.IsPaused(err) || !strings.Contains(err.Error(), ReasonConfig) {
		t.Errorf("a wrong password: %+v, %v", sent, err)
	}
	if bad, err := r.Probe(t.Context(), event.ChannelSMS, ""); err != nil || bad[0].Reason != ReasonConfig || !strings.Contains(bad[0].Dialog, "Authorization failed") {
		t.Errorf("a probe with a wrong password: %+v, %v", bad, err)
	}
	s.end()
	if sent, err := r.Send(t.Context(), request(event.ChannelSMS)); sent.State != "" || err == nil || event.IsPermanent(err) {
		t.Errorf("nobody listens: %+v, %v", sent, err)
	}
}

// Kannel's own default cuts a text at one segment and says that it took it, which
// nothing in its answer tells. So a trial says beforehand how many are needed.
func TestRealKannelCutsALongText(t *testing.T) {
	s := debianKannel("").start(t)
	r := kannelRig(t, s)
	through(t, r)
	if n := s.delivered(t, r, 1); n != 1 {
		t.Errorf("it arrives in %d parts: is the text no more cut?", n)
	}
	var out strings.Builder
	err := Trial{Providers: r.Providers, To: "+4915112345678", Name: longText, DryRun: true}.Run(t.Context(), &out)
	if err != nil || !strings.Contains(out.String(), "the text takes 2 segments") || !strings.Contains(out.String(), "max-messages") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// admin asks Kannel's own page, which is how its operators stop an SMSC.
func (s *started) admin(t *testing.T, page string) string {
	t.Helper()
	port, err := os.ReadFile(filepath.Join(s.dir, "admin"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://127.0.0.1:" + strings.TrimSpace(string(port)) + "/" + page + "password=admin")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// says waits until that page says so of its SMSC.
func (s *started) says(t *testing.T, state string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.admin(t, "status.txt?"), state); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s: %s", state, s.admin(t, "status.txt?"))
		}
	}
}

// An SMSC that is offline costs no text: Kannel keeps it, says that it took it, and
// reports when it has arrived. One that is stopped is refused for everybody, which is
// the provider's, and all are sent once it runs.
func TestRealKannelWithoutItsSMSC(t *testing.T) {
	s := debianKannel("max-messages = 5\nconcatenation = true\n").start(t)
	r := kannelRig(t, s)
	s.says(t, "(online ")
	if err := os.Remove(filepath.Join(s.dir, "online")); err != nil {
		t.Fatal(err)
	}
	s.says(t, "(re-connecting")
	q := request(event.ChannelSMS)
	q.Phone = "+4915112345678"
	if sent, err := r.Send(t.Context(), q); err != nil || sent.State != event.SendAccepted {
		t.Fatalf("offline: %+v, %v", sent, err)
	}
	if n := strings.Count(s.log.String(), ": <ACME +4915112345678 "); n != 0 || r.entry(event.ChannelSMS).State != event.SendAccepted {
		t.Errorf("it arrived without an SMSC: %d, %+v", n, r.entry(event.ChannelSMS))
	}
	s.touch(t, "online")
	if n := s.delivered(t, r, 1); n != 1 {
		t.Errorf("it arrives %d times", n)
	}

	s.admin(t, "stop-smsc?smsc=FAKE&")
	s.says(t, "(dead")
	user := func(i int) Request {
		q := request(event.ChannelSMS)
		q.UserID, q.Phone = fmt.Sprint("u-", 100+i), fmt.Sprint("+49151123400", 10+i)
		return q
	}
	for i := range 2 * mostAlike {
		sent, err := r.Send(t.Context(), user(i))
		if want := map[bool]string{true: ReasonNoRoute, false: ReasonRefused}[i < mostAlike-1]; sent.State != "" || !event.IsPaused(err) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("stopped, %d: %+v, %v", i, sent, err)
		}
	}
	s.admin(t, "start-smsc?smsc=FAKE&")
	s.says(t, "(online ")
	g := r.channels[event.ChannelSMS][0].gate
	g.mu.Lock()
	g.until = time.Now() // the pause is over, so the next one tries
	g.mu.Unlock()
	for i := range 2 * mostAlike {
		if sent, err := r.Send(t.Context(), user(i)); err != nil {
			t.Errorf("it runs again, %d: %+v, %v", i, sent, err)
		}
	}
	if len(r.suppressed) > 0 {
		t.Error("a number is suppressed")
	}
}
