package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract holds answers to the document of the API.
type contract struct {
	compiler *jsonschema.Compiler
	routes   []documented
}

type documented struct {
	route
	address *regexp.Regexp
}

// documentIn is where the compiler has the document.
const documentIn = "file:///openapi.json"

// theContract is the document, read as strictly as can be: what it does not name is no
// part of an answer, although clients are told to expect more.
func theContract(t *testing.T) *contract {
	t.Helper()
	text, err := document("")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		s.(map[string]any)["additionalProperties"] = false
	}
	c := &contract{compiler: jsonschema.NewCompiler()}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(documentIn, doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range apiRoutes() {
		c.routes = append(c.routes, documented{r, regexp.MustCompile("^" + placeholder.ReplaceAllString(r.path, "[^/]+") + "$")})
	}
	return c
}

// find is the route that serves an address; ok is false when there is none.
func (c *contract) find(method, path string) (route, bool) {
	i := slices.IndexFunc(c.routes, func(d documented) bool { return d.method == method && d.address.MatchString(path) })
	if i < 0 {
		return route{}, false
	}
	return c.routes[i].route, true
}

// pointer makes a JSON pointer into the document.
func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	out := documentIn + "#"
	for _, p := range parts {
		out += "/" + escape.Replace(p)
	}
	return out
}

// check says what of an answer is not as the document has it.
func (c *contract) check(t route, resp *http.Response, body string) error {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	s, err := c.compiler.Compile(pointer("paths", t.path, strings.ToLower(t.method), "responses", strconv.Itoa(resp.StatusCode), "content", kind, "schema"))
	if err != nil {
		return fmt.Errorf("%s %s answers %d with %s, which is not in the document: %w\n%s", t.method, t.path, resp.StatusCode, kind, err, body)
	}
	var v any = body
	if kind == "application/json" || kind == problemType {
		v, err = jsonschema.UnmarshalJSON(strings.NewReader(body))
	}
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		return fmt.Errorf("%s %s, %d: %w\n%s", t.method, t.path, resp.StatusCode, err, body)
	}
	return nil
}

// The table of routes and that of operations have the same addresses, what is said about
// properties is about some that there are, and the whole is OpenAPI 3.1.
func TestTheDocumentIsOfTheRoutes(t *testing.T) {
	t.Parallel()
	known, ids := map[string]bool{}, map[string]bool{}
	for _, r := range apiRoutes() {
		known[r.method+" "+r.path] = true
	}
	s := schemas()
	for address, o := range operations {
		if !known[address] {
			t.Errorf("%s is no route", address)
		}
		if o.id == "" || ids[o.id] || o.summary == "" {
			t.Errorf("%s: the name %q is missing or taken", address, o.id)
		}
		ids[o.id] = true
		o.document(route{path: "/"}, s)
	}
	for _, name := range s.Unused() {
		t.Errorf("something is said of %s, which no type has", name)
	}
	text, err := document("/base/")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	// The schema of the OpenAPI Initiative for documents of version 3.1, from 2022-10-07.
	form, err := os.ReadFile("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi", schema); err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile("openapi").Validate(doc); err != nil {
		t.Errorf("it is no document of OpenAPI 3.1: %v", err)
	}
	var says struct {
		Servers []struct{ URL string }
		Paths   map[string]map[string]struct {
			Security *[]any
			Roles    []string `json:"x-usher-roles"`
		}
	}
	if err := json.Unmarshal(text, &says); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, methods := range says.Paths {
		for method := range methods {
			n++
			if !known[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is in the document and no route", method, path)
			}
		}
	}
	if n != len(known) || says.Servers[0].URL != "/base/" {
		t.Errorf("%d operations for %d routes under %v", n, len(known), says.Servers)
	}
	if got := says.Paths["/api/v1/users/{user_id}/decision"]["post"].Roles; !slices.Equal(got, []string{"verifier", "admin"}) {
		t.Errorf("who may decide: %v", got)
	}
	if s := says.Paths[documentPath]["get"].Security; s == nil || len(*s) != 0 {
		t.Errorf("the document asks for %v", s)
	}
}

// The parameters of lists are those that the lists read.
func TestTheDocumentHasEveryFilter(t *testing.T) {
	t.Parallel()
	q := url.Values{}
	names := map[string]bool{}
	for _, p := range filterParameters() {
		names[p.name] = true
		value := "x"
		if p.values != nil {
			value = p.values[len(p.values)-1]
		}
		q.Set(p.name, value)
	}
	f, err := filterOf(q)
	if err != nil {
		t.Fatal(err)
	}
	empty := filter{}
	for what, v := range map[string]bool{"status": f.Status == empty.Status, "inbox": f.Source == empty.Source, "import": f.Import == empty.Import, "age": f.Age == empty.Age, "language": f.Language == empty.Language,
		"by": f.Decider == empty.Decider, "bulk": f.Bulk == empty.Bulk, "q": f.Q == empty.Q, "sort": f.Sort == sortOldest, "cursor": f.Cursor == empty.Cursor} {
		if v || !names[what] {
			t.Errorf("%s is not read, or not documented", what)
		}
		delete(names, what)
	}
	if len(names) > 0 {
		t.Errorf("documented only: %v", names)
	}
	for name := range f.query() {
		if !slices.ContainsFunc(filterParameters(), func(p parameter) bool { return p.name == name }) {
			t.Errorf("%s is read and not documented", name)
		}
	}
}

// The document needs no sign-in, and nothing of the installation is in it.
func TestTheDocumentIsTheSameForAll(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.RejectReasons = []Reason{{Code: "a-secret-code", Words: "x"}} }
	r.run()
	resp, err := http.Get(r.base + documentPath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want, err := document("")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d %v\n%s", resp.StatusCode, err, got.String())
	}
	if resp.Header.Get("Set-Cookie") != "" {
		t.Error("it opens a session")
	}
}
