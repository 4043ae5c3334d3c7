package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// send calls the API as admin, and returns the whole answer.
func (r *rig) send(method, path, body string, header ...string) (*http.Response, string) {
	r.Helper()
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.SetBasicAuth("admin", password)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return answerOf(r.T, http.DefaultClient, req)
}

// A request that is refused is answered with problem details: a code that stays, the
// status once more, and under error what programs have read since before there were any.
func TestProblemDetails(t *testing.T) {
	r := newRig(t)
	r.run()
	for _, c := range []struct {
		method, path, body string
		want               code
	}{
		{"GET", "/api/v1/users/u-%C3%BC?q=secret", "", codeNoUser},
		{"GET", "/api/v1/users?age=2d", "", codeFilter},
		{"GET", "/api/v1/users?cursor=x", "", codeCursor},
		{"GET", "/api/v1/none", "", codeNoAddress},
		{"DELETE", "/api/v1/users", "", codeWrongMethod},
		{"POST", "/api/v1/users/u-1/decision", "{}", codeNoUser},
		{"POST", "/api/v1/bulk", "{}", codeChoice},
		{"POST", "/api/v1/bulk", "", codeBody},
		{"POST", "/api/v1/imports/i-1/release", strings.Repeat(" ", smallBody+1) + "{}", codeTooLarge},
		{"POST", "/api/v1/imports/i-1/release", "{}", codeNoImport},
	} {
		resp, body := r.send(c.method, c.path, c.body)
		var p Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s %s: %v: %s", c.method, c.path, err, body)
			continue
		}
		path, _, _ := strings.Cut(c.path, "?")
		want := Problem{Type: problemPrefix + string(c.want), Title: kinds[c.want].title, Status: resp.StatusCode, Detail: p.Error, Instance: path, Code: string(c.want), Error: p.Error}
		if p != want || p.Error == "" || resp.StatusCode != kinds[c.want].status || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s %s", c.method, c.path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
	}
	if resp, _ := r.send("DELETE", "/api/v1/bulk", ""); resp.Header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %q", resp.Header.Get("Allow"))
	}
}

// What may be told of an error has a code of its own, and each code a title.
func TestEveryCodeHasATitle(t *testing.T) {
	of := map[code]error{}
	for _, x := range tellables {
		if kinds[x.code].title == "" {
			t.Errorf("the code of %q has no title", x.err)
		}
		if other, ok := of[x.code]; ok {
			t.Errorf("%q and %q have one code", x.err, other)
		}
		of[x.code] = x.err
	}
	for c, k := range kinds {
		if k.status < 400 || c == "" {
			t.Errorf("%q: %+v", c, k)
		}
	}
}
