//go:build !noembed

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// console asks the console's API and tells whether it answered as a success.
func (u *usher) console(method, path, body string, into any) bool {
	u.Helper()
	req, err := http.NewRequestWithContext(u.Context(), method, "http://"+u.addr.Console+path, strings.NewReader(body))
	if err != nil {
		u.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", u.dir) // what is asked again is one operation
	req.SetBasicAuth("admin", u.config.ConsolePassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false // it may be gone
	}
	defer resp.Body.Close()
	return resp.StatusCode < 300 && json.NewDecoder(resp.Body).Decode(into) == nil
}

// The process kills itself at each step of a decision about many in turn, and the next
// one goes on with what it finds. In the end each person was decided about once, has a
// result, and is welcomed once (issue 16).
func TestKilledInADecisionAboutMany(t *testing.T) {
	t.Parallel()
	const people = 135 // more than are sent at once
	u := newUsher(t)
	all := ids(1, people)
	u.drop("list.csv", list(1, people, ""))
	operation := ""
	for _, point := range []string{"bulk.taken", "bulk.started", "bulk.sent", "bulk.noted", "bulk.answered", "bulk.settled"} {
		running := u.start(point + ":1")
		for end := time.Now().Add(time.Minute); running && operation == "" && len(u.exited) == 0; time.Sleep(100 * time.Millisecond) {
			var made struct{ ID string }
			if u.console("POST", "/api/v1/bulk", fmt.Sprintf(`{"status":"waiting","decision":"approved","expect":%d}`, people), &made) {
				operation = made.ID
			} else if time.Now().After(end) {
				t.Fatal("the people of the list never waited")
			}
		}
		select {
		case err := <-u.exited:
			u.exited <- err
			if !killed(err) {
				t.Fatalf("%s: usher ended with %v", point, err)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s was not reached", point)
		}
		u.kill()
	}
	u.start("")
	var now struct {
		State                                string
		Matched, Sent, Applied, Late, Failed int
	}
	for end := time.Now().Add(time.Minute); now.State != "done"; time.Sleep(100 * time.Millisecond) {
		u.console("GET", "/api/v1/bulk/"+operation, "", &now)
		if time.Now().After(end) {
			t.Fatalf("the operation does not end: %+v", now)
		}
	}
	if now.Matched != people || now.Sent != people || now.Applied != people || now.Late+now.Failed != 0 {
		t.Errorf("the operation: %+v", now)
	}
	u.mostWelcomed(u.waitFinal(3*time.Minute, all...))
}
