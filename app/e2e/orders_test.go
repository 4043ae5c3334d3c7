//go:build !noembed

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"usher/event"
)

// order publishes an operator's order; the same id again is the same event.
func (u *usher) order(id, verb, user string, channels ...string) {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	if err := c.Publisher.Verification(context.Background(), event.SourceCLI, verb, id, event.VerificationBody{UserID: user, Channels: channels}); err != nil {
		u.Fatal(err)
	}
}

// reaches waits until PEOPLE says of a user what is asked for.
func (u *usher) reaches(user, what string, ok func(event.Person) bool) event.Person {
	u.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		p, err := u.status(user)
		if err != nil {
			u.Fatal(err)
		}
		if ok(p) {
			return p
		}
		if time.Now().After(deadline) {
			u.Fatalf("%s is not %s: %+v", user, what, p)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func has(status event.Status) func(event.Person) bool {
	return func(p event.Person) bool { return p.Status == status && p.Order == nil }
}

// count is how many messages user n has got.
func (u *usher) count(n int) int {
	u.Helper()
	mails, texts := u.caught()
	return mails[fmt.Sprintf("u%d@example.org", n)] + texts[fmt.Sprintf("+4930%07d", n)]
}

// What operators order has its effect once, on people who wait and on people
// whose onboarding is over, and none when the streams are replayed into a
// Temporal that has forgotten everything.
func TestOrders(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.TellRejected = []string{event.SourceInbox}
	u.drop("list.csv", list(1, 4, "first"))
	u.start("")
	if err := u.decide(event.VerbApproved, "u-1", "u-2"); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(30*time.Second, "u-1", "u-2")
	u.closed("u-1")

	u.order("o1", event.VerbResend, "u-1")
	u.reaches("u-1", "sent to again", func(p event.Person) bool {
		return has(event.StatusWelcomed)(p) && p.Sends["1.welcome.email.2"].State == event.SendAccepted && p.Sends["1.welcome.sms.2"].State == event.SendAccepted
	})
	u.order("o2", event.VerbResend, "u-1", event.ChannelSMS)
	u.reaches("u-1", "sent to a third time", func(p event.Person) bool {
		return has(event.StatusWelcomed)(p) && p.Sends["1.welcome.sms.3"].State == event.SendAccepted
	})
	u.order("o3", event.VerbWithdrawn, "u-2")
	u.reaches("u-2", "withdrawn", has(event.StatusWithdrawn))
	u.order("o4", event.VerbReopened, "u-2")
	u.reaches("u-2", "waiting again", func(p event.Person) bool { return p.Status == event.StatusWaiting && p.Generation == 2 })
	if err := u.decide(event.VerbRejected, "u-3"); err != nil {
		t.Fatal(err)
	}
	u.reaches("u-3", "rejected", has(event.StatusRejected))
	u.order("o5", event.VerbReopened, "u-3")
	u.reaches("u-3", "waiting again", func(p event.Person) bool { return p.Status == event.StatusWaiting && p.Generation == 2 })
	u.order("approve-u-3", event.VerbApproved, "u-3")
	u.reaches("u-3", "welcomed", has(event.StatusWelcomed))
	u.order("o6", event.VerbWithdrawn, "u-4")
	u.reaches("u-4", "withdrawn", has(event.StatusWithdrawn))

	want := map[string]int{"u-1": 5, "u-2": 2, "u-3": 3, "u-4": 0} // u-3 was told of the rejection too
	got := func() map[string]int {
		return map[string]int{"u-1": u.count(1), "u-2": u.count(2), "u-3": u.count(3), "u-4": u.count(4)}
	}
	if d := cmp.Diff(want, got()); d != "" {
		t.Errorf("messages (-want +got)\n%s", d)
	}
	before := u.people("u-1", "u-2", "u-3", "u-4")

	// All of it again: as new messages, then from the start of both streams.
	for id, o := range map[string][2]string{
		"o1": {event.VerbResend, "u-1"}, "o2": {event.VerbResend, "u-1"}, "o3": {event.VerbWithdrawn, "u-2"}, "o4": {event.VerbReopened, "u-2"},
		"o5": {event.VerbReopened, "u-3"}, "o6": {event.VerbWithdrawn, "u-4"},
	} {
		c, err := u.client()
		if err != nil {
			t.Fatal(err)
		}
		m := nats.NewMsg(event.VerificationSubject(event.SourceCLI, o[0])) // without the message id by which JetStream would know it
		m.Header.Set("ce-id", id)
		m.Data = fmt.Appendf(nil, `{"user_id":%q}`, o[1])
		if _, err := c.JetStream.PublishMsg(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	u.waitIdle(4)
	u.forget()
	u.waitIdle(4)
	if d := cmp.Diff(want, got()); d != "" {
		t.Errorf("messages after all came again (-want +got)\n%s", d)
	}
	if d := cmp.Diff(before, u.people("u-1", "u-2", "u-3", "u-4")); d != "" {
		t.Errorf("PEOPLE after all came again (-before +after)\n%s", d)
	}
	u.terminate("u-2")
	u.order("approve-u-2", event.VerbApproved, "u-2") // who waited still can be decided about, though the run was ended by hand
	u.reaches("u-2", "welcomed", has(event.StatusWelcomed))
}

// closed waits until the user's run has closed. PEOPLE knows the end a moment
// before, when a message counts as still on its way.
func (u *usher) closed(user string) {
	u.Helper()
	c, err := client.Dial(client.Options{HostPort: u.addr.Temporal, Logger: silent{}})
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	u.until("the run has closed", func() bool {
		d, err := c.DescribeWorkflowExecution(context.Background(), event.WorkflowID(user), "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	})
}

// terminate ends the user's run as an operator of Temporal would.
func (u *usher) terminate(user string) {
	u.Helper()
	c, err := client.Dial(client.Options{HostPort: u.addr.Temporal, Logger: silent{}})
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	if err := c.TerminateWorkflow(context.Background(), event.WorkflowID(user), "", "a test"); err != nil {
		u.Fatal(err)
	}
}

// people reads the records of users.
func (u *usher) people(users ...string) map[string]event.Person {
	u.Helper()
	out := map[string]event.Person{}
	for _, id := range users {
		p, err := u.status(id)
		if err != nil {
			u.Fatal(err)
		}
		out[id] = p
	}
	return out
}

// A data folder that an usher without orders and revisions wrote opens, and its
// open runs finish: users who wait, one whose data was corrected, one whose
// e-mail could not go out, a decision that waits for its user. The folder grows
// older, so what has a time limit may have ended by it.
func TestOldDataFolder(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	if out, err := exec.Command("tar", "-xzf", "testdata/data-before-revisions.tar.gz", "-C", u.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_ = os.Remove(u.dir + "/usher.json")
	u.start("")
	if err := u.decide(event.VerbApproved, "old-1", "old-2"); err != nil {
		t.Fatal(err)
	}
	u.order("w3", event.VerbWithdrawn, "old-3")
	u.drop("late.csv", "user_id,name,email\nold-9,Old Nine,old9@example.org\n")
	for user, status := range map[string]event.Status{"old-1": event.StatusWelcomed, "old-2": event.StatusWelcomed, "old-3": event.StatusWithdrawn, "old-5": event.StatusRejected} {
		u.reaches(user, string(status), has(status))
	}
	p := u.reaches("old-4", "over", func(p event.Person) bool { return p.Status.Final() })
	if p.Status != event.StatusWelcomed && p.Status != event.StatusPartlyWelcomed {
		t.Errorf("old-4 is %s", p.Status)
	}
	if err := u.decide(event.VerbApproved, "old-9"); err != nil { // when the parked decision has expired
		t.Fatal(err)
	}
	u.reaches("old-9", "welcomed", has(event.StatusWelcomed))
	if p, err := u.status("old-6"); err != nil || p.Status != event.StatusWaiting {
		t.Errorf("old-6 is %s (%v), nobody decided about them", p.Status, err)
	}
	u.order("r5", event.VerbReopened, "old-5")
	u.reaches("old-5", "waiting again", func(p event.Person) bool { return p.Status == event.StatusWaiting && p.Generation == 2 })
	if err := u.mailOf("old2@example.org", "Old Second"); err != nil {
		t.Error(err)
	}
}

// mailOf returns nil when the address got one e-mail and it greets name.
func (u *usher) mailOf(address, name string) error {
	u.Helper()
	var m struct {
		Messages []struct {
			ID string
			To []struct{ Address string }
		}
	}
	u.get(fmt.Sprintf("http://%s/api/v1/messages?limit=1000", u.addr.CatcherHTTP), &m)
	var found []string
	for _, x := range m.Messages {
		if x.To[0].Address == address {
			found = append(found, x.ID)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("%s has %d e-mails", address, len(found))
	}
	var body struct{ Text string }
	u.get(fmt.Sprintf("http://%s/api/v1/message/%s", u.addr.CatcherHTTP, found[0]), &body)
	if !strings.Contains(body.Text, name) {
		return errors.New("the e-mail to " + address + " does not greet " + name)
	}
	return nil
}

// A decision of the console with a window takes effect when the window is over, also
// when usher was killed in it, and one that is taken back never does (issue 16).
func TestADecisionIsTakenBackWithinItsWindow(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.drop("list.csv", list(1, 3, ""))
	u.start("")
	say := func(verb, id, user string, body event.VerificationBody) {
		c, err := u.client()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		body.UserID = user
		if err := c.Publisher.Verification(t.Context(), event.SourceConsole, verb, id, body); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"u-1", "u-2", "u-3"} {
		u.reaches(id, "waiting", has(event.StatusWaiting))
	}
	began := time.Now()
	say(event.VerbApproved, "d1", "u-1", event.VerificationBody{EffectiveAfter: 6})
	say(event.VerbRejected, "d2", "u-2", event.VerificationBody{EffectiveAfter: 6})
	say(event.VerbUndone, "n2", "u-2", event.VerificationBody{Undoes: "d2"})
	say(event.VerbRejected, "d3", "u-3", event.VerificationBody{EffectiveAfter: 600})
	u.order("now", event.VerbApproved, "u-3") // of another, which counts at once
	u.reaches("u-3", "welcomed", has(event.StatusWelcomed))
	u.kill()
	u.start("")
	u.reaches("u-1", "welcomed", has(event.StatusWelcomed))
	if took := time.Since(began); took < 6*time.Second {
		t.Errorf("it took effect after %s", took)
	}
	if p, err := u.status("u-2"); err != nil || p.Status != event.StatusWaiting {
		t.Errorf("taken back, and the user is %s: %v", p.Status, err)
	}
	say(event.VerbApproved, "d4", "u-2", event.VerificationBody{})
	u.reaches("u-2", "welcomed", has(event.StatusWelcomed))
	for n := 1; n <= 3; n++ {
		if u.count(n) != 2 {
			t.Errorf("user %d got %d messages", n, u.count(n))
		}
	}
}
